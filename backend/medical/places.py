"""Cities of the cluster as homes of an insurance and as places of treatment."""

from backend.core.divisions import city_of
from backend.core.errors import Refusal


def require_city(code: str) -> str:
    """The city's code of a city or district (参保地 or 就医地); MEDICAL_PLACE_UNKNOWN outside the cluster."""
    city = city_of(code)
    if city is None:
        raise Refusal("MEDICAL_PLACE_UNKNOWN")
    return city
