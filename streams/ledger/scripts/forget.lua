-- KEYS: marker; decisions to remove. Nil without marker.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
for i = 2, #KEYS do
  redis.call('UNLINK', KEYS[i])
end
return {}
