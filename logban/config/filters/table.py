# SPDX-License-Identifier: MIT
"""The table of settings of filters."""

from __future__ import annotations

from typing import Final

from logban.config import parsers
from logban.config.jails import judging
from logban.config.setting import Setting
from logban.config.settings import UseDns
from logban.matching.definition import Proof

USEDNS: Final = Setting(
    "usedns",
    parsers.use_dns,
    UseDns.NO,
    "whether hosts that lines name are looked up, warn: with a line in logban's own log; "
    "without it <HOST> stands for addresses only",
    allowed="yes, warn, no, raw",
)
FAILREGEX: Final = Setting(
    "failregex", parsers.text, "", "regular expressions of failures, one a line"
)
SUCCESSREGEX: Final = Setting(
    "successregex",
    parsers.text,
    "",
    "regular expressions of lines that say that somebody got in, one a line",
)
IGNOREREGEX: Final = Setting(
    "ignoreregex", parsers.text, "", "regular expressions of lines that are no failures"
)
PREFREGEX: Final = Setting(
    "prefregex",
    parsers.text,
    "",
    "what every line has in common; the failregex sees what is in <F-CONTENT>...</F-CONTENT>",
)
DATEPATTERN: Final = Setting(
    "datepattern",
    parsers.text,
    "",
    "how times are written, one form a line: %Y-%m-%d %H:%M:%S, EPOCH, {^LN-BEG}, {NONE}, ...",
)
MAXLINES: Final = Setting(
    "maxlines",
    parsers.whole_number(1, 1000),
    1,
    "lines that one expression can span; <SKIPLINES> stands for lines in between",
    "lines",
    "1 to 1000",
)
ATTEMPT: Final = Setting(
    "attempt",
    parsers.text,
    "",
    "captured fields that tell the lines of one attempt from those of another, which then count "
    "once; without it every line counts",
    allowed="callid, session, port, user, ...",
)
_JOURNALMATCH: Final = Setting(
    "journalmatch", parsers.text, "", "fail2ban's; the journal is not read"
)
FILTER_SETTINGS: Final[tuple[Setting[str] | Setting[int] | Setting[UseDns], ...]] = (
    FAILREGEX,
    IGNOREREGEX,
    PREFREGEX,
    DATEPATTERN,
    MAXLINES,
    ATTEMPT,
    _JOURNALMATCH,
    USEDNS,
)
"""What [Definition] of a filter knows; a jail may write the same to override it."""

KIND: Final = Setting("kind", parsers.word, "", "the kind of failure", allowed="a word")
PROOF: Final = Setting(
    "proof",
    parsers.proof,
    Proof.NONE,
    "what shows that the address is the true one and not made up by whoever sent a packet",
    allowed="none, response, connection, transport",
)
HEARSAY: Final = Setting(
    "hearsay",
    parsers.boolean,
    False,
    "whether the address is what the peer says of itself, to be believed only if the next failure "
    "that the same thread logs names it as well, or a witness does",
    allowed="yes, no",
)
WITNESS: Final = Setting(
    "witness",
    parsers.boolean,
    False,
    "whether the line is no failure, and shows only who sent what another line is hearsay of",
    allowed="yes, no",
)
RULE_WEIGHT: Final[Setting[float | None]] = Setting(
    "weight",
    judging.weight,
    None,
    "what a failure by this rule weighs where the jail does not say it; what its kind does where "
    "this is not set; a plain wrong password is 1",
    allowed="0 to 250",
)
RULE_SETTINGS: Final = (FAILREGEX, SUCCESSREGEX, KIND, RULE_WEIGHT, PROOF, HEARSAY, WITNESS)
"""What [rule NAME] of a filter knows."""

QUOTE_BEGIN: Final = Setting(
    "begin", parsers.text, "", "the first line of a message that may hold a peer's line breaks"
)
QUOTE_END: Final = Setting(
    "end", parsers.text, "", "the last line of every such message; not set: it may be any"
)
QUOTE_SIZE: Final = Setting(
    "size",
    parsers.whole_number(1, 1024 * 1024),
    8191,
    "the length of the longest such message with all that stands before it in the line",
    "bytes",
    "1 to 1048576",
)
QUOTE_CUT: Final = Setting(
    "cut",
    parsers.boolean,
    False,
    "whether the program cuts a longer message at that size, so that its end is missing",
    allowed="yes, no",
)
QUOTE_LATE: Final = Setting(
    "late",
    parsers.boolean,
    False,
    "whether the address stands behind the peer's text",
    allowed="yes, no",
)
QUOTE_TWICE: Final = Setting(
    "twice",
    parsers.boolean,
    False,
    "whether the program logs what can hold line breaks always twice",
    allowed="yes, no",
)
QUOTE_NEIGHBOURS: Final = Setting(
    "neighbours",
    parsers.whole_number(0, 1024),
    0,
    "how far apart the numbers of the threads are that log such messages; 0: not known",
    allowed="0 to 1024",
)
QUOTE_SETTINGS: Final = (
    QUOTE_BEGIN,
    QUOTE_END,
    QUOTE_SIZE,
    QUOTE_CUT,
    QUOTE_LATE,
    QUOTE_TWICE,
    QUOTE_NEIGHBOURS,
)
"""What [quote NAME] of a filter knows."""

JSON_BEGIN: Final = Setting("begin", parsers.text, "", "what may stand before the JSON object")
JSON_TEXT: Final = Setting(
    "text", parsers.text, "", "the text that is made of the object: {key}, {key.key}, ..."
)
JSON_SETTINGS: Final = (JSON_BEGIN, JSON_TEXT)
"""What [json] of a filter knows."""

FILTER_PARAMETERS: Final = ("mode", "logtype")
"""What may be handed to a filter that makes no use of it."""
