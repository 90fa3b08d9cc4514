-- SPDX-License-Identifier: ISC
-- Stores the frame of a large mail to which several mailboxes will refer.
--
-- KEYS  1 frame
-- ARGV  1 how long it is kept, in milliseconds
--       2 how many mailboxes will refer to it
--       3 first piece of the frame: bodies and details
--       4... further pieces of the frame

redis.call('HSET', KEYS[1], 'refs', ARGV[2], 'z', ARGV[3])
for i = 4, #ARGV do redis.call('HSET', KEYS[1], 'z' .. i - 3, ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.status_reply('OK')
