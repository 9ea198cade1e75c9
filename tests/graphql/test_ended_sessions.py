"""What was given to a session stops counting with it, the codes that it could show too."""

from collections.abc import Callable

import pytest

from tests.graphql.test_identity import (
    CLIENT,
    REFRESH,
    REVOKE_DEVICE,
    REVOKE_SESSION,
    SIGN_OUT,
    Api,
    api,  # noqa: F401 - a fixture.
)
from tests.graphql.test_onecode import ISSUE, MY_CODE
from tests.integration.identity.world import LAPTOP, LI, DeviceKey, key
from tests.integration.onecode.world import Phone

Session = tuple[str, str, str]  # Its id, its access token at L2 and its first refresh token.


def sign_out(api: Api, ended: Session) -> None:  # noqa: F811 - the fixture above.
    assert api.do(api.viewer(ended[1]), SIGN_OUT)["__typename"] == "SessionEnded"


def end_from_elsewhere(api: Api, ended: Session) -> None:  # noqa: F811 - as above.
    laptop = api.world.sign_in(LI[2], LAPTOP)
    assert api.do(api.viewer(laptop.access_token), REVOKE_SESSION, session=ended[0])["session"] == ended[0]


def reuse_a_refresh_token(api: Api, ended: Session) -> None:  # noqa: F811 - as above.
    assert api.do(None, REFRESH, token=ended[2], client=CLIENT)["__typename"] == "SignedIn"
    api.world.clock.advance(60)
    assert api.do(None, REFRESH, token=ended[2], client=CLIENT)["code"] == "REFRESH_REUSED"


def revoke_its_device(api: Api, ended: Session) -> None:  # noqa: F811 - as above.
    viewer = api.viewer(ended[1])
    # A credential from before the device was bound: only its session tells whose it is.
    unbound = {"session": ended[0], "device": None}
    api.services.foundation.db["credentials"].update_one({"session": ended[0]}, {"$set": unbound})
    assert api.do(viewer, REVOKE_DEVICE, device=viewer.device)["device"] == viewer.device


@pytest.mark.parametrize("end", [sign_out, end_from_elsewhere, reuse_a_refresh_token, revoke_its_device])
def test_the_codes_of_a_session_end_with_it_and_no_others(
    api: Api,  # noqa: F811 - as above.
    end: Callable[[Api, Session], None],
) -> None:
    phone = api.world.register(LI)
    strong = api.world.register_device(phone.access_token, DeviceKey()).grant.access_token
    api.do(api.viewer(strong), ISSUE, keys=Phone().points())
    other = api.world.sign_in(LI[2])
    stronger = api.world.register_device(other.access_token, DeviceKey()).grant.access_token
    api.do(api.viewer(stronger), ISSUE, keys=Phone().points())

    end(api, (phone.session, strong, phone.refresh_token))

    for document, variables in ((ISSUE, {"keys": Phone().points(), "key": key()}), (MY_CODE, {})):
        given, denial = api.ask(api.viewer(strong), document, **variables)
        assert "SESSION_ENDED" in (denial, given and given.get("code"))
    credentials = api.services.foundation.db["credentials"]
    assert credentials.count_documents({"session": phone.session, "revoked_at": None}) == 0
    assert credentials.count_documents({"session": other.session, "revoked_at": None}) == 16
