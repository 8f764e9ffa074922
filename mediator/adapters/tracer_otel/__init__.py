"""The picture of a decision in a trace: spans made from records alone, sent by OTLP over HTTP.

`names.py` is the one table of names, `spans.py` the function from records to spans, `tracer.py` the port over the
SDK's batches. It may import `mediation` and what lies below, OpenTelemetry, and no other adapter.
"""
