"""Text that cannot act on what shows it: control characters, escapes and reversals become visible signs."""

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # turn the text around them
SEPARATORS = "\u2028\u2029"
SIGNS = (
    {code: chr(0x2400 + code) for code in range(32)}  # Unicode's pictures of them: ␛
    | {0x7F: "␡"}
    | dict.fromkeys(range(0x80, 0xA0), "\ufffd")
    | {ord(letter): f"\\u{ord(letter):04x}" for letter in BIDI + SEPARATORS}
)


def visible(text: str) -> str:
    """Show a value in one line of printable text."""
    if text.isprintable():
        return text
    return whole(text).translate(SIGNS)


def whole(text: str) -> str:
    """Replace lone surrogates, which no encoding can write."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
