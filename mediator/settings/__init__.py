"""What an operator configures: `mediator.toml`, parsed, as one frozen value.

`values.py` checks single values, `sections.py` holds the sections and every default, `parse.py` reads them and says
what is wrong. Pure: no file, no environment; whoever assembles reads the bytes, adapters resolve references.
It may import canonical and the ground floor, and knows no room of the corridor.

SPDX-License-Identifier: Apache-2.0
"""
