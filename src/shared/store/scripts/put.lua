-- SPDX-License-Identifier: ISC
-- Stores one mail in one mailbox and announces it on the channel that has the inbox's name.
--
-- KEYS  1 inbox
--       2 size
--       3 seen: only if the delivery has a fingerprint
-- ARGV  1 retention in milliseconds
--       2 bytes that count towards the size of the mailbox; '' if none is kept
--       3 summary
--       small mail:  4 frame
--       large mail:  4 size of the bodies in bytes
--                    5 token of the shared frame, and nothing more; or '', and then:
--                    6 prefix of the keys of large mails
--                    7 first piece of the frame: bodies and details
--                    8... further pieces of the frame
--
-- Returns the stream id of the mail; as the only element of an array if an earlier try stored it.
--
-- If the fingerprint is still there, an earlier try stored this mail but its sender received no
-- reply: the script returns the id of then and stores nothing. A full Redis refuses the first
-- command that writes and none after it, so a script that fails has changed nothing.

local stored = KEYS[3] and redis.call('GET', KEYS[3])
if stored then return {stored} end
local time = redis.call('TIME')
local oldest = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1])
local is_small, token = #ARGV == 4, ARGV[5]
local entry = {'s', ARGV[3], is_small and 'z' or 'n', ARGV[4]}
local function add(name, value)
  entry[#entry + 1] = name
  entry[#entry + 1] = value
end
if not is_small and token ~= '' then add('f', token) end
if ARGV[2] ~= '' then add('b', ARGV[2]) end
local id = redis.call('XADD', KEYS[1], 'MINID', oldest, '*', unpack(entry))
if not is_small and token == '' then
  local mail = ARGV[6] .. id
  redis.call('HSET', mail, 'z', ARGV[7])
  for i = 8, #ARGV do redis.call('HSET', mail, 'z' .. i - 7, ARGV[i]) end
  redis.call('PEXPIRE', mail, ARGV[1])
end
if ARGV[2] ~= '' then
  redis.call('INCRBY', KEYS[2], ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
if KEYS[3] then redis.call('SET', KEYS[3], id, 'EX', 3600) end
redis.call('PUBLISH', KEYS[1], id)
return id
