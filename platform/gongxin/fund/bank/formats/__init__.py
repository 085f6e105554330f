"""What banks read and write. Payments out: pain.001.001.09 (ISO 20022), CSV by a layout. Statements in: camt.053
(001.02 and 001.08), CSV by a mapping, in GB18030 or UTF-8. Pure: bytes to values, values to bytes."""
