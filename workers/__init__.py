"""Long work: fetching, building, booting, testing, judging, mailing."""
