"""What users read, and tests follow: guides, the OpenAPI document, the table of access."""
