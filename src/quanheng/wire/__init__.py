"""The wire, sans-I/O: STEP fragments, TDGW frames and sessions, MD301 streams, fixed-width files.

Nothing here opens a socket or a file: bytes go in, messages and bytes come out, and the caller
says what time it is.
"""
