"""What tests serve: a service that cannot begin fails the test at once, with what it said."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from cmo.errors import StoreCorrupt
from tests.acceptance.services import DidNotBegin, served_here


def test_a_service_that_fails_before_it_begins_fails_its_test_at_once() -> None:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        raise StoreCorrupt("the base cannot be read")
        yield

    with pytest.raises(DidNotBegin, match="the base cannot be read"), served_here(FastAPI(lifespan=lifespan)):
        pass


def test_one_that_begins_is_served() -> None:
    with served_here(FastAPI()) as address:
        assert httpx.get(f"{address}/docs").status_code == 200
