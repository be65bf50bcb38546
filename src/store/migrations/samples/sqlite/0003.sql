-- Records of the closed window that were held back, of which the next hop was not told yet.
UPDATE window_cluster SET held_back = 3, trace_ids = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
    WHERE window_start = 100;
