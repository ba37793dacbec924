"""What somebody may have written to do harm, or broken by mistake."""
