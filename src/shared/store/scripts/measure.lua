-- SPDX-License-Identifier: ISC
-- Measures one batch of the oldest mails of a mailbox.
--
-- KEYS  1 inbox
-- ARGV  1 prefix of the keys of large mails
--       2 where the batch begins, as XRANGE takes it; '-' is the first batch
--       3 size of the batch
--
-- Returns an array: number of mails, bytes of memory, and id of the last mail, or '' if there was none;
-- then the tokens of the shared frames, which are not measured. The bytes of the first batch have
-- those of the whole stream.

local batch = redis.call('XRANGE', KEYS[1], ARGV[2], '+', 'COUNT', ARGV[3])
local bytes = ARGV[2] == '-' and redis.call('MEMORY', 'USAGE', KEYS[1]) or 0
local found = {#batch, 0, #batch > 0 and batch[#batch][1] or ''}
for _, entry in ipairs(batch) do
  if entry[2][5] == 'f' then
    table.insert(found, entry[2][6])
  elseif entry[2][3] == 'n' then
    bytes = bytes + (redis.call('MEMORY', 'USAGE', ARGV[1] .. entry[1], 'SAMPLES', 0) or 0)
  end
end
found[2] = bytes
return found
