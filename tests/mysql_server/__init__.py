"""Oracle's MySQL for the tests: fetched from Debian's packages, unpacked beside the system, run privately."""
