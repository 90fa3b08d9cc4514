-- SPDX-License-Identifier: ISC
-- Removes one mail; with a lease only if the mail still has that lease. An inbox that becomes empty
-- is removed too.
--
-- KEYS  1 inbox
--       2 claimed
--       3 size
-- ARGV  1 prefix of the keys of large mails
--       2 id
--       3 lease, or '' to remove the mail in any case
--
-- Returns 1 if the mail was removed, or the token of its frame if that is a shared one, whose reference
-- the caller has to give up; else 0.

if ARGV[3] ~= '' and redis.call('HGET', KEYS[2], ARGV[2]) ~= ARGV[3] then return 0 end
local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
if not entry then return 0 end
local token = entry[2][5] == 'f' and entry[2][6]
if entry[2][3] == 'n' and not token then redis.call('UNLINK', ARGV[1] .. entry[1]) end
redis.call('XDEL', KEYS[1], ARGV[2])
local fields = entry[2]
if fields[#fields - 1] == 'b' then redis.call('DECRBY', KEYS[3], fields[#fields]) end
redis.call('HDEL', KEYS[2], ARGV[2])
if redis.call('XLEN', KEYS[1]) == 0 then redis.call('UNLINK', KEYS[1], KEYS[3]) end
return token or 1
