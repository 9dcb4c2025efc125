from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.settings_files import SHOP, file_of
from tillway.core.contracts.counts import count
from tillway.entrypoints.settings.faults import SettingsError
from tillway.entrypoints.settings.loading import Source, load, make_draft
from tillway.entrypoints.settings.schema import leaves, variables_of
from tillway.entrypoints.settings.sections import BUILT_IN
from tillway.entrypoints.settings.showing import effective_values
from unit.settings.contract_rows import OURS, ROWS

COUNT: Final = count(150, 5_000)
HIDDEN: Final = "hunter2"

KEYS = st.sampled_from([row.key.replace("<key>", "item") for row in ROWS] + sorted(OURS))
ODD: Final = [
    *('""', "~", "0", "-1", "1", "1.5", "1e30", "9" * 40, "true", "yes", "nan", "inf", "é", "::1"),
    *("[]", "{}", "[~]", "[[1]]", "{a: b}", "{a: {b: c}}", "[{a: b}]", "5m", "-5m", "'\\0'"),
    *("https://[", "http://x:y", "2027-13-01T00:00:00Z", "", f"'{HIDDEN}'", f"[{HIDDEN}]"),
]
TEXTS = st.one_of(
    st.sampled_from(ODD),
    st.text(alphabet="aZ09 .:/-_,'\"[]{}é\t", max_size=12),
)
NAMES = st.sampled_from(
    [
        n
        for section, kind in BUILT_IN.items()
        for k, f in leaves(kind, section)
        for n in variables_of(k, f)
    ]
    + [
        "X402_SERVER_WALLET_1",
        "CALLBACK_HEADER_A",
        "MONITORING_HEADER_",
        "CEDROS_API_KEY_K",
        "PORT",
    ]
)
VALUES = st.text(alphabet="aZ09 .:/-_,'\"[]{}é\t\r\n", max_size=20)


class TestAnything:
    @settings(max_examples=COUNT, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.dictionaries(KEYS, TEXTS, max_size=6), st.dictionaries(NAMES, VALUES, max_size=4))
    def test_settings_load_or_name_their_faults(
        self, keys: dict[str, str], variables: dict[str, str]
    ) -> None:
        """Whatever stands in the file and the environment, it is settings or faults with keys."""
        try:
            text = file_of(SHOP | keys)
        except TypeError:  # a key above another cannot be written at once
            return
        draft = make_draft(BUILT_IN, Source(yaml=text, environ=variables))

        assert all(fault.message for fault in draft.reader.faults)
        assert draft.reader.faults or effective_values(draft.sections, draft.reader.origins)

    @settings(max_examples=COUNT, deadline=None)
    @given(
        st.sampled_from(["stripe.secret_key", "storage.postgres_url", "paywall.mongodb_url"]), TEXTS
    )
    def test_secrets_never_leave(self, key: str, text: str) -> None:
        """Neither faults nor settings show what was set as a secret."""
        try:
            shown = repr(load(BUILT_IN, Source(yaml=file_of(SHOP | {key: text}))))
        except SettingsError as error:
            shown = str(error)
        assert HIDDEN not in shown
