"""IAM database tokens and presigned identities: read, verified and authorised, without any input or output.

The form is that of AWS Signature Version 4 with query parameters, the policies are IAM's.
"""
