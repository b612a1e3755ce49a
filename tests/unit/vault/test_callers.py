"""Who may ask the vault for what: a row for every gRPC service of the proto."""

import pytest
from authserver.vault.v1 import vault_pb2

from services.vault.app import CALLERS
from services.vault.model import Driver
from services.vault.settings import Settings, of


def test_the_table_has_a_row_for_every_service_of_the_proto() -> None:
    """Law 12."""
    assert set(CALLERS) == {service.full_name for service in vault_pb2.DESCRIPTOR.services_by_name.values()}


def test_each_service_has_exactly_the_caller_its_privilege_is_for() -> None:
    assert {name.rsplit(".", 1)[1]: set(callers) for name, callers in CALLERS.items()} == {
        "LinkService": {"authorize"},
        "BrokerService": {"token"},
        "VaultAdminService": {"admin"},
    }


@pytest.mark.parametrize("driver", ["", "aes_master", "vault_transit_encrypt"])
def test_the_driver_is_the_operators_choice(driver: str) -> None:
    class Encryption:
        """The part of the configuration that matters."""

    class Configuration:
        """The whole of it."""

        data_encryption = Encryption

    Encryption.driver = driver  # type: ignore[attr-defined]
    assert of(Configuration) == Settings(Driver(driver))
