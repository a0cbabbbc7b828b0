-- KEYS: marker; states. Their versions, '0' for none; nil without marker.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
local versions = {}
for i = 2, #KEYS do
  versions[i - 1] = version_of(KEYS[i])
end
return versions
