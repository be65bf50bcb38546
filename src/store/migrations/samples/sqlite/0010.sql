-- An error that was said to be fixed after it was counted twice, and a fix that changed.
UPDATE cluster SET fixed_count = 2, changed_at = 1680 WHERE fingerprint = '02020202020202020202020202020202';
UPDATE fix SET changed_at = 1690;
