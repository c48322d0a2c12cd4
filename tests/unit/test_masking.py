"""What the record keeps of outputs that hold secrets."""

import pytest

from recovery.domain.wave_steps.masking import mask


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("password=hunter2secret ok", "password=*** ok"),
        # pragma: allowlist nextline secret
        ('{"dbPassword": "hunter2secret", "port": 5432}', '{"dbPassword": ***, "port": 5432}'),
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: ***"),
        ("key AKIAIOSFODNN7EXAMPLE used", "key *** used"),  # pragma: allowlist secret
        ("postgres://shop:hunter2@db:5432/orders", "postgres://shop:***@db:5432/orders"),  # pragma: allowlist secret
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nend", "***\nend"),
        ("api_key: 'abc def'", "api_key: ***"),  # pragma: allowlist secret
        ("17 orders were placed; the queue is empty", "17 orders were placed; the queue is empty"),
        ("tokens left in the bucket", "tokens left in the bucket"),
    ],
)
def test_what_looks_like_a_secret_is_masked_and_other_text_stays(said: str, kept: str) -> None:
    assert mask(said) == kept
