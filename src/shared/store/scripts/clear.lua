-- SPDX-License-Identifier: ISC
-- Removes one batch of the oldest mails of a mailbox, up to a last id.
--
-- KEYS  1 inbox
--       2 size
-- ARGV  1 prefix of the keys of large mails
--       2 last id to remove, or '' for the newest mail of now
--       3 size of the batch
--
-- Returns an array. Its first element is the last id if there may be more to remove, to be given as
-- ARGV[2] of the next call, or '' if there is no more. The second is how many mails were removed. The
-- others are the tokens of their shared frames, whose references the caller has to give up.

local last = ARGV[2]
if last == '' then
  local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
  if #newest == 0 then return {'', 0} end
  last = newest[1][1]
end
local batch = redis.call('XRANGE', KEYS[1], '-', last, 'COUNT', ARGV[3])
local found = {'', #batch}
for _, entry in ipairs(batch) do
  if entry[2][5] == 'f' then
    table.insert(found, entry[2][6])
  elseif entry[2][3] == 'n' then
    redis.call('UNLINK', ARGV[1] .. entry[1])
  end
  redis.call('XDEL', KEYS[1], entry[1])
  local fields = entry[2]
  if fields[#fields - 1] == 'b' then redis.call('DECRBY', KEYS[2], fields[#fields]) end
end
if #batch == tonumber(ARGV[3]) then
  found[1] = last
  return found
end
if redis.call('XLEN', KEYS[1]) == 0 then redis.call('UNLINK', KEYS[1], KEYS[2]) end
return found
