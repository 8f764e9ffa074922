"""Orders to the model in other languages: the same acts, by the stems of the words for them.

Pure. A language is five lists of stems; a sentence that has one of each of the lists that make an act is a hit. Coarse on
purpose: languages inflect and some write no spaces, so stems are looked for anywhere in the sentence.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

from mediator.manifest.lint.finding import FindingCode, Hit
from mediator.manifest.lint.visible import excerpt

_ACCENTS: Final = re.compile("[\u0300-\u036f]")
_SENTENCE: Final = re.compile(r"(?:[^.!?;。！？；।؟\n]|\.(?=\S))+")


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", text))).lower()


def _stems(text: str) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(_plain(stem.replace("_", " "))) for stem in text.split()))


def _two_of(small: str) -> re.Pattern[str]:
    word = rf"\b(?:{'|'.join(small.split())})\b"
    return re.compile(f"{word}[^.]{{1,60}}?{word}")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """The stems of a language, or of a few that are told by the same marks."""

    marks: re.Pattern[str]
    """What tells the language: two of its small words, or a letter of its script."""
    drop: re.Pattern[str]
    guidance: re.Pattern[str]
    hush: re.Pattern[str]
    user: re.Pattern[str]
    secret: re.Pattern[str]
    take: re.Pattern[str]


LANGUAGES: Final = (
    Language(  # Spanish, Portuguese, Italian
        marks=_two_of(
            "el la los las de del que y en un una no por para con se su sus al o os as do da dos das não e em um uma ao il lo gli di che per della dei i si nel le non dell all questo este esta todas todos tutte qualsiasi"
        ),
        drop=_stems("ignora ignore_ ignorar olvida olvide esqueça esquece desconsider descarta dimentica trascura"),
        guidance=_stems(
            "instrucciones instruções istruzioni reglas regras regole indicaciones anteriores precedenti órdenes"
        ),
        hush=_stems(
            "no_le_digas no_digas no_informes no_menciones sin_avisar sin_decir sin_que_el_usuario no_se_lo no_reveles não_conte "
            "não_diga não_informe não_mencione sem_avisar sem_informar sem_que_o non_dire non_informare non_menzionare senza_avvisare "
            "senza_dire all'insaputa a_escondidas às_escondidas en_secreto em_segredo in_segreto"
        ),
        user=_stems("usuari utente persona pessoa client nadie ninguém nessuno secret segred insaputa escondidas"),
        secret=_stems(
            "contraseña clave_privada claves_privadas claves_ssh claves_api credencia senhas chave_privada chaves credenzial chiavi "
            "chiave_privata conversación conversa_ conversazione historial histórico cronologia .ssh .env .aws id_rsa"
        ),
        take=_stems(
            "envía envíe enviar envie lee_ lea_ leer leia invia_ inviare leggi_ leggere copia_ manda pasa_ pasar passa_ passe incluy incluir "
            "adjunta anexe allega transmit sube_ "
        ),
    ),
    Language(  # French
        marks=_two_of(
            "le la les des du de un une et ne pas à au aux en sur pour avec ce cette vos votre tes ton toutes tous ces nous sans dans l d n"
        ),
        drop=_stems("ignore oublie ignorez oubliez néglige"),
        guidance=_stems("instructions_préc instructions_ant consignes règles directives précédent"),
        hush=_stems(
            "n'en_parle ne_dis ne_dites ne_mentionne ne_préviens ne_prévenez ne_le_dis n'informe sans_prévenir sans_informer sans_le_dire "
            "à_l'insu en_secret ne_révèle sans_demander"
        ),
        user=_stems("utilisateur personne client insu secret"),
        secret=_stems(
            "mots_de_passe mot_de_passe clé_privée clés_privées clés_ssh clés_api identifiants historique conversation .ssh .env .aws id_rsa jetons"
        ),
        take=_stems(
            "envoie envoyez transmets transmettez lis_ lisez copie_ copiez joins_ joignez ajoute fournir fournis inclu"
        ),
    ),
    Language(  # German, Dutch
        marks=_two_of(
            "der die das den dem des ein eine einen und nicht dass keine sich mit auf für von zu alle ist im dann bevor vorher wenn het de een en niet van voor met alle zijn naar"
        ),
        drop=_stems("ignorier vergiss missachte negeer vergeet"),
        guidance=_stems("anweisung vorgaben regeln richtlinie instructies vorherige_ vorige_ eerdere_"),
        hush=_stems(
            "nichts_davon sage_nicht sag_nicht sage_dem_benutzer_nicht nicht_mitteilen teile_nicht erwähne nicht_erwähnen ohne_zu_fragen ohne_rückfrage "
            "verschweig heimlich unbemerkt ohne_wissen vertel_het_niet niet_vertellen zonder_te_vragen zonder_medeweten stiekem informiere_nicht nicht_informier nichts_erfahr nicht_erfahr nichts_merk nicht_merk nichts_wissen nicht_wissen nicht_zeigen keine_auskunft keine_information nicht_verrat verheimlich verberge"
        ),
        user=_stems("benutzer nutzer anwender mensch gebruiker niemand heimlich unbemerkt stiekem kunden"),
        secret=_stems(
            "zugangsdaten passwörter private_schlüssel privaten_schlüssel ssh-schlüssel api-schlüssel gesprächsverlauf chatverlauf unterhaltung inloggegevens "
            "wachtwoorden privésleutel .ssh .env .aws id_rsa"
        ),
        take=_stems(
            "lies_ lesen auszulesen ausles einles beifüg beizufüg anhäng anzuhäng hänge_ gib_ weitergeb mitschick sende_ schicke übermittle übergib kopiere füge_ lade_ leite_ lees_ stuur verstuur verzend"
        ),
    ),
    Language(  # Swedish, Danish, Norwegian, Finnish
        marks=_two_of(
            "och att det som en ett inte för med av till den och på alla eller er at ikke for af ja on ei tämä kaikki"
        ),
        drop=_stems("ignorera ignorér ignorer_ bortse glöm_ glem_ se_bort_fra ohita unohda jätä_huomiotta"),
        guidance=_stems("instruktion tidigare tidligere regler anvisning ohjee aiemmat aikaisemmat"),
        hush=_stems(
            "berätta_inte berätta_inget säg_inte säg_inget nämn_inte utan_att_berätta utan_att_fråga fortæl_ikke fortell_ikke sig_ikke si_ikke "
            "uden_at_fortælle uten_å_fortelle i_hemlighet i_smug älä_kerro salaa"
        ),
        user=_stems("användaren bruger bruker ingen hemlighet smug käyttäjä"),
        secret=_stems(
            "lösenord adgangskode passord privat_nyckel nycklar nøgle nøkkel inloggning konversation samtale salasan avain .ssh .env .aws id_rsa"
        ),
        take=_stems("skicka läs_ kopiera bifoga lägg_ send_ læs_ les_ kopier vedlagt vedlegg lähetä lue_ kopioi liitä"),
    ),
    Language(  # Indonesian, Malay, Vietnamese
        marks=re.compile(
            "[ăđơưạảấầẩậắằẹẻếềểệỉịọỏốồổộớờởợụủứừửựỳỵỷỹ]|\\b(?:yang|dan|semua|dari|untuk|dengan|pada|tidak|jangan|kepada|ini)\\b"
        ),
        drop=_stems("abaikan lupakan bỏ_qua phớt_lờ quên"),
        guidance=_stems("instruksi perintah aturan arahan sebelumnya hướng_dẫn chỉ_dẫn quy_tắc trước"),
        hush=_stems(
            "jangan_beri jangan_kata jangan_sebut jangan_tunjuk tanpa_sepengetahuan tanpa_memberi diam-diam đừng_nói đừng_cho không_nói không_cho không_được_cho bí_mật âm_thầm"
        ),
        user=_stems("pengguna siapa_pun diam-diam người_dùng ai_biết bí_mật"),
        secret=_stems(
            "kata_sandi sandi kunci_privat kredensial percakapan mật_khẩu khóa hội_thoại trò_chuyện .ssh .env .aws id_rsa"
        ),
        take=_stems("kirim baca salin lampirkan unggah sertakan gửi đọc sao_chép tải_lên đính_kèm"),
    ),
    Language(  # Czech, Slovak, Romanian, Hungarian
        marks=re.compile("[ěščřžůťďňőűăâîșțáéíóúý]"),
        drop=_stems("ignoruj zapomeň zabudni ignoră ignora_ uită hagyd_figyelmen felejtsd"),
        guidance=_stems(
            "pokyn instrukc předchoz predchádz pravid instrucțiuni anterioare reguli utasítás korábbi szabály"
        ),
        hush=_stems(
            "neříkej nehovor neinformuj nezmiňuj bez_vědomí tajně nu_spune nu_informa nu_menționa pe_ascuns fără_să_ ne_mondd ne_szólj titokban"
        ),
        user=_stems("uživatel používateľ tajně utilizator ascuns felhasználó senkinek titokban"),
        secret=_stems(
            "hesl soukrom klíč kľúč přihlašovac parol chei cheia conversați jelszó jelszav kulcs beszélgetés .ssh .env .aws id_rsa"
        ),
        take=_stems(
            "pošli odešli přečti prečítaj zkopíruj přilož trimite citește copiază atașează küldd olvasd másold csatold"
        ),
    ),
    Language(  # Greek, Hebrew, Thai, Persian, Bengali
        marks=re.compile("[\u0370-\u03ff\u0590-\u05ff\u0e00-\u0e7f\u06cc\u06a9\u0980-\u09ff]"),
        drop=_stems("αγνόησε αγνοήστε ξέχασε התעלם שכח เพิกเฉย ละเว้น ลืม نادیده فراموش উপেক্ষা ভুলে"),
        guidance=_stems(
            "οδηγίες προηγούμεν κανόν ההוראות הקודמות הכללים คำสั่ง ก่อนหน้า กฎ دستور قبلی قوانین নির্দেশ পূর্ববর্তী"
        ),
        hush=_stems(
            "μην_πεις μη_πεις μην_αναφέρ μην_ενημερ κρυφά אל_תספר אל_תגיד בלי_ידיעת בסתר อย่าบอก ห้ามบอก โดยไม่บอก แอบ نگو اطلاع_نده بدون_اطلاع مخفیانه বলবেন_না জানাবেন_না গোপনে"
        ),
        user=_stems("χρήστη κρυφά למשתמש המשתמש בסתר ผู้ใช้ แอบ کاربر مخفیانه ব্যবহারকারী গোপনে"),
        secret=_stems(
            "κωδικ κλειδι διαπιστευτ συνομιλ סיסמ מפתח שיחה รหัสผ่าน กุญแจ บทสนทนา رمز_عبور گذرواژه کلید مکالمه পাসওয়ার্ড চাবি কথোপকথন .ssh .env .aws id_rsa"
        ),
        take=_stems(
            "στείλε διάβασε αντέγραψε επισύναψε שלח קרא העתק צרף ส่ง อ่าน คัดลอก แนบ بفرست ارسال بخوان کپی পাঠান পড়ুন পাঠাও"
        ),
    ),
    Language(  # Russian, Ukrainian
        marks=re.compile("[\u0400-\u04ff]"),
        drop=_stems("игнорируй проигнорируй игнорируйте забудь забудьте не_обращай ігноруй забудьте_про"),
        guidance=_stems("инструкци правил указани предыдущ інструкці попередні"),
        hush=_stems(
            "не_говори не_сообщай не_рассказывай не_упоминай не_показывай без_ведома тайно незаметно скрытно не_уведомляй не_кажи не_повідомляй"
        ),
        user=_stems("пользовател человек клиент никому тайно незаметно користувач"),
        secret=_stems(
            "парол секретн приватн закрытый_ключ ключи_ токен учётн учетн переписк истори .ssh .env .aws id_rsa"
        ),
        take=_stems("отправь отправьте перешли прочитай прочти передай скопируй добавь вставь загрузи надішли"),
    ),
    Language(  # Chinese
        marks=re.compile("[\u4e00-\u9fff]"),
        drop=_stems("忽略 无视 無視 忘记 忘記 不要遵守 不再遵守 抛开"),
        guidance=_stems("指令 指示 规则 規則 提示词 之前 先前 以上"),
        hush=_stems(
            "不要告诉 不要告訴 不要通知 别告诉 不要提及 不得告知 无需告知 不让 不要让 不必告知 隐瞒 悄悄 偷偷 暗中 秘密地"
        ),
        user=_stems("用户 使用者 用戶 任何人 客户 悄悄 偷偷 暗中"),
        secret=_stems(
            "密钥 密鑰 密码 密碼 私钥 私鑰 凭证 憑證 凭据 令牌 聊天记录 对话内容 对话历史 系统提示 .ssh .env .aws id_rsa"
        ),
        take=_stems("读取 讀取 发送 發送 上传 上傳 传给 传递 提交 附上 复制 转发 填入"),
    ),
    Language(  # Japanese
        marks=re.compile("[\u3040-\u30ff]"),
        drop=_stems("無視し 無視して 忘れて 従わない"),
        guidance=_stems("指示 命令 ルール 規則 これまで 以前 プロンプト"),
        hush=_stems(
            "知らせず 知らせない 伝えない 伝えず 教えない 言わない 言わず 気づかれ 内緒 秘密に こっそり 通知しない 報告しない"
        ),
        user=_stems("ユーザー ユーザ 利用者 人間 誰にも 内緒 こっそり"),
        secret=_stems(
            "パスワード 秘密鍵 認証情報 トークン APIキー 会話履歴 会話の .ssh .env .aws id_rsa システムプロンプト"
        ),
        take=_stems("送信し 送って 読み取 読んで 渡して 添付し 含めて アップロード 転送し コピーし 入力し"),
    ),
    Language(  # Korean
        marks=re.compile("[\uac00-\ud7af]"),
        drop=_stems("무시하 무시해 잊어 따르지_마"),
        guidance=_stems("지시 명령 규칙 이전 프롬프트"),
        hush=_stems("알리지_마 말하지_마 알리지_않 언급하지_마 몰래 비밀로 모르게"),
        user=_stems("사용자 유저 아무에게도 고객 몰래 모르게"),
        secret=_stems("비밀번호 암호 개인_키 개인키 자격_증명 토큰 api_키 대화_내용 대화_기록 .ssh .env .aws id_rsa"),
        take=_stems("보내 전송하 읽어 읽고 전달하 첨부하 업로드 복사하 포함하 포함시"),
    ),
    Language(  # Arabic, Hindi, Turkish, Polish
        marks=re.compile(
            "[\u0600-\u06ff\u0900-\u097fığşłżźćńąęçöüı]|\\b(?:ve|bir|bu|nie|jest|na|się|oraz|tüm|przed|przy)\\b"
        ),
        drop=_stems("تجاهل انس نज़र अनदेखा नज़रअंदाज़ भूल yok_say görmezden unut zignoruj ignoruj pomiń zapomnij"),
        guidance=_stems(
            "التعليمات الأوامر القواعد السابقة निर्देश नियम पिछले talimat kural önceki instrukcj polece zasad poprzedni"
        ),
        hush=_stems(
            "لا_تخبر لا_تذكر دون_علم سرا مت_बताना न_बताएं मत_बताएं बिना_बताए söyleme bahsetme haber_vermeden gizlice nie_mów nie_informuj nie_wspominaj potajemnie"
        ),
        user=_stems("المستخدم أحد سرا उपयोगकर्ता किसी यूज़र kullanıcı kimseye gizlice użytkownik nikomu potajemnie"),
        secret=_stems(
            "كلمات_المرور كلمة_المرور المفتاح_الخاص مفاتيح بيانات_الاعتماد المحادثة पासवर्ड निजी_कुंजी क्रेडेंशियल बातचीत parola şifre özel_anahtar kimlik_bilgi sohbet "
            "hasła haseł klucz_prywatny klucze poświadcze rozmow .ssh .env .aws id_rsa"
        ),
        take=_stems(
            "أرسل اقرأ انسخ ارفع أرفق भेज पढ़ें पढ़ो पढ़कर कॉपी gönder oku_ kopyala ekle wyślij prześlij odczytaj skopiuj dołącz przekaż"
        ),
    ),
)


def foreign_hits(text: str) -> Iterator[Hit]:
    """Yield the orders that the text gives in one of the languages. English is read by the rules."""
    lower = text.lower()
    spoken = [language for language in LANGUAGES if language.marks.search(lower)]
    if not spoken:
        return
    for match in _SENTENCE.finditer(text):
        sentence = f" {_plain(match.group())} "
        for language in spoken:
            for code, detail in _acts(language, sentence):
                yield Hit(code=code, excerpt=excerpt(text, *match.span()), detail=detail)


def _acts(language: Language, sentence: str) -> Iterator[tuple[FindingCode, str]]:
    if language.drop.search(sentence) and language.guidance.search(sentence):
        yield FindingCode.OVERRIDES_INSTRUCTIONS, "asks to drop earlier instructions"
    if language.hush.search(sentence) and language.user.search(sentence):
        yield FindingCode.HIDES_FROM_USER, "asks that the user not be told"
    if language.secret.search(sentence) and language.take.search(sentence):
        yield FindingCode.ASKS_FOR_SECRETS, "asks for credentials, or for the conversation"
