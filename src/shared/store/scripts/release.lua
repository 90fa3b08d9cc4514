-- SPDX-License-Identifier: ISC
-- Ends a lease early and announces the mail to the clients that wait for one to claim.
--
-- KEYS  1 inbox
--       2 claimed
-- ARGV  1 id
--       2 lease
--
-- Returns 1, or 0 if the lease has ended already.

if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('PUBLISH', KEYS[1], ARGV[1])
return 1
