"""How bad an alarm is. Policies that grade nothing send no level at all."""

from bridge.sources.values import text

SEVERITIES = {"note": "remind", "remind": "remind", "warn": "warn", "serious": "serious"}  # API models, 2024-2025


def severity_of(level: object, alert_id: str, current_level: object) -> str:
    """Give remind, warn, serious or "".

    `alarmLevel` counts first, then the end of the alert id (`<sessionId>_Remind`, document of 2025),
    then `current_level`.
    """
    if stated := text(level):
        return SEVERITIES.get(stated.lower(), "")
    ending = alert_id.rpartition("_")[2].lower() if "_" in alert_id else ""
    if ending in SEVERITIES:
        return SEVERITIES[ending]
    return SEVERITIES.get(text(current_level).lower(), "")
