"""Django's test cases and unittest's: `python django_cases.py` runs them."""

import sys
from typing import Any, ClassVar
from unittest import IsolatedAsyncioTestCase
from unittest import TestCase as PlainTestCase

import django
from django.conf import settings
from django.test.runner import DiscoverRunner

settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    USE_TZ=True,
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.db import transaction  # noqa: E402
from django.test import TestCase, TransactionTestCase  # noqa: E402

from jobgate.client import BlockingClient, Call  # noqa: E402
from jobgate.testing import BlockingEagerClient, JobgateTestMixin  # noqa: E402


async def welcome(ctx: dict[str, Any], user: int) -> str:
    found = await User.objects.aget(pk=user)
    return f"welcome {found.username}"


def rename(ctx: dict[str, Any], user: int, name: str) -> str:
    found = User.objects.get(pk=user)
    found.username = name
    found.save()
    return name


def sign_up(client: BlockingClient, name: str) -> User:
    with transaction.atomic():
        user = User.objects.create(username=name)
        transaction.on_commit(lambda: client.enqueue("welcome", user.pk))
    return user


class DjangoTest(JobgateTestMixin, TestCase):
    jobgate_settings: ClassVar[object] = [welcome, rename]

    def test_after_commit(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            user = sign_up(self.jobs.blocking_client, "Ann")
            self.jobs.worker.assert_not_enqueued()
        self.jobs.worker.assert_enqueued("welcome", user.pk, _times=1)
        assert self.jobs.worker.run_jobs_blocking()[0].result == "welcome Ann"

    def test_plain_functions_see_the_transaction_of_the_test(self) -> None:
        user = User.objects.create(username="Ann")
        self.jobs.blocking_client.enqueue("rename", user.pk, name="Eve")
        self.jobs.worker.run_jobs_blocking()
        user.refresh_from_db()
        assert user.username == "Eve"

    def test_eager(self) -> None:
        client = BlockingEagerClient([welcome, rename])
        with self.captureOnCommitCallbacks(execute=True):
            user = sign_up(client, "Ann")
        assert client.ran[0].result == "welcome Ann"
        assert client.call("rename", user.pk, "Eve") == "Eve"
        assert list(client.map("welcome", [user.pk] * 2)) == ["welcome Eve"] * 2
        (job,) = client.enqueue_many([Call("welcome", user.pk)])
        assert job.result() == "welcome Eve"

    async def test_async(self) -> None:
        user = await User.objects.acreate(username="Ann")
        job = await self.jobs.client.enqueue("welcome", user.pk)
        await self.jobs.worker.run_jobs()
        assert await job.result(timeout=0) == "welcome Ann"
        await self.jobs.client.enqueue("rename", user.pk, "Eve")
        await self.jobs.worker.run_jobs()
        await user.arefresh_from_db()
        assert user.username == "Eve"


class CommittedTest(JobgateTestMixin, TransactionTestCase):
    jobgate_settings = "django_cases.Settings"
    jobgate_overrides: ClassVar[dict[str, Any]] = {"max_tries": 1}

    def test_without_a_transaction(self) -> None:
        sign_up(self.jobs.blocking_client, "Ann")
        assert self.jobs.worker.run_jobs_blocking()[0].result == "welcome Ann"
        assert self.jobs.settings.max_tries == 1


class Settings:
    functions = (welcome,)


class AsyncioTest(JobgateTestMixin, IsolatedAsyncioTestCase):
    jobgate_settings: ClassVar[object] = [rename]

    async def test_refusals(self) -> None:
        self.jobs.worker.assert_not_enqueued()
        await self.jobs.client.enqueue("rename", 1, "Eve")
        self.jobs.worker.assert_enqueued("rename", 1, "Eve")


class PlainTest(JobgateTestMixin, PlainTestCase):
    def test_without_functions(self) -> None:
        self.jobs.blocking_client.enqueue("of_others", 1)
        self.jobs.worker.assert_enqueued("of_others", 1)


if __name__ == "__main__":
    sys.modules["django_cases"] = sys.modules["__main__"]
    sys.exit(bool(DiscoverRunner(pattern="django_cases.py").run_tests([])))
