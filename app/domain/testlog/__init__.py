"""Test programs' output -> results, test by test, as it streams."""

from app.domain.testlog.suite import ClaimedSummary, SuiteEnd, SuiteParser, SuiteSummary
from app.domain.testlog.tap import TapParser
from app.domain.testlog.test_maps import TestMapsParser
from app.domain.testlog.test_progs import TestProgsParser
from app.domain.testlog.test_verifier import TestVerifierParser
from app.domain.testlog.veristat import VeristatParser

__all__ = [
    "ClaimedSummary",
    "SuiteEnd",
    "SuiteParser",
    "SuiteSummary",
    "TapParser",
    "TestMapsParser",
    "TestProgsParser",
    "TestVerifierParser",
    "VeristatParser",
    "parser_for",
]


def parser_for(suite: str) -> SuiteParser:
    """Return a new parser for a suite by its name; what is not known by name is read as TAP."""
    if suite == "test_progs" or suite.startswith("test_progs-"):
        return TestProgsParser(suite)
    match suite:
        case "test_verifier":
            return TestVerifierParser()
        case "test_maps":
            return TestMapsParser()
        case "veristat":
            return VeristatParser()
        case _:
            return TapParser(suite)
