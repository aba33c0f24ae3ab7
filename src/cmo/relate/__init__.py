"""What a paper says of how concepts are related: text and mentions to typed, signed, calibrated relations."""
