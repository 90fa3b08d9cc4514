-- SPDX-License-Identifier: ISC
-- Gives up references to a shared frame, and removes it with the last.
--
-- KEYS  1 frame
-- ARGV  1 how many references
--
-- Returns how many are left.

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local left = redis.call('HINCRBY', KEYS[1], 'refs', -ARGV[1])
if left <= 0 then redis.call('UNLINK', KEYS[1]) end
return left
