-- SPDX-License-Identifier: ISC
-- Stores one mail in one mailbox and announces it on the channel that has the inbox's name.
--
-- KEYS  1 inbox
--       2 seen: only if the delivery has a fingerprint
-- ARGV  1 retention in milliseconds
--       2 summary
--       small mail:  3 frame
--       large mail:  3 size of the bodies in bytes
--                    4 token of the shared frame, and nothing more; or '', and then:
--                    5 prefix of the keys of large mails
--                    6 first piece of the frame: bodies and details
--                    7... further pieces of the frame
--
-- Returns the stream id of the mail; as the only element of an array if an earlier try stored it.
--
-- If the fingerprint is still there, an earlier try stored this mail but its sender received no
-- reply: the script returns the id of then and stores nothing. A full Redis refuses the first
-- command that writes and none after it, so a script that fails has changed nothing.

local stored = KEYS[2] and redis.call('GET', KEYS[2])
if stored then return {stored} end
local time = redis.call('TIME')
local oldest = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1])
local id
if #ARGV == 3 then
  id = redis.call('XADD', KEYS[1], 'MINID', oldest, '*', 's', ARGV[2], 'z', ARGV[3])
elseif ARGV[4] ~= '' then
  id = redis.call('XADD', KEYS[1], 'MINID', oldest, '*', 's', ARGV[2], 'n', ARGV[3], 'f', ARGV[4])
else
  id = redis.call('XADD', KEYS[1], 'MINID', oldest, '*', 's', ARGV[2], 'n', ARGV[3])
  local mail = ARGV[5] .. id
  redis.call('HSET', mail, 'z', ARGV[6])
  for i = 7, #ARGV do redis.call('HSET', mail, 'z' .. i - 6, ARGV[i]) end
  redis.call('PEXPIRE', mail, ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
if KEYS[2] then redis.call('SET', KEYS[2], id, 'EX', 3600) end
redis.call('PUBLISH', KEYS[1], id)
return id
