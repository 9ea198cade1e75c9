"""Numbers shown to their own resident, with the middle hidden from whoever looks over the shoulder."""

_HIDDEN = "*"


def mask_id_number(number: str) -> str:
    """The first and the last two characters; the rest as asterisks."""
    return number[:2] + _HIDDEN * (len(number) - 4) + number[-2:]


def mask_mobile(mobile: str) -> str:
    """The first three and the last four digits, as operators print it (130****0001)."""
    return mobile[:3] + _HIDDEN * (len(mobile) - 7) + mobile[-4:]
