#!/usr/bin/env bash
# An MQTT broker gives a subscriber that was away its messages in random order. If the
# subscriber takes topic aliases, it gets them without topics, and can never read them.
#
# Versions   github.com/mochi-mqtt/server/v2 v2.7.9 (its own program cmd), MQTT.js 5.16.0 (npm)
# Set-up     a subscriber with a session (QoS 1) takes one message and leaves. 100 more are
#            published to the same topic, one after the other. Then the subscriber is back.
# Behaviour  without aliases       it gets all 100. Of 99 pairs of neighbours 45 to 50 were
#                                  in the wrong order.
#            topicAliasMaximum 10  it gets none: "Received unregistered Topic Alias", and the
#                                  same at each further connection (seen at 3)
# The broker sorts what waits by the second in which it came. Within a second the order is
# that of a Go map. With aliases it stores the packet as the last connection would have got
# it, with an alias for the topic. But an alias ends with its connection. MQTT 5 wants the
# order of sending (section 4.6) and a topic or a known alias (3.3.2.3.4).
# It matters to a chat over MQTT: what waits for a phone needs numbers of its own to be put
# in order, and a phone that saves bytes by aliases loses all that waits for it.
#
# Needs: go, node with npm, python3, bash. Loopback only.
set -euo pipefail
dir=$(mktemp -d)
broker=
trap '[ -z "$broker" ] || kill "$broker" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
GOFLAGS= GOBIN=$dir go install github.com/mochi-mqtt/server/v2/cmd@v2.7.9 2>/dev/null
npm install --silent --no-audit --no-fund mqtt@5.16.0 >/dev/null
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
./cmd -tcp "127.0.0.1:$port" -ws 127.0.0.1:0 -info 127.0.0.1:0 >broker.log 2>&1 &
broker=$!
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do kill -0 "$broker"; sleep 0.1; done
cat >away.mjs <<'JS'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import mqtt from 'mqtt'

const url = `mqtt://127.0.0.1:${process.argv[2]}`
const sent = Array.from({ length: 100 }, (_, i) => String(i + 1))

async function connect(options) {
  const client = mqtt.connect(url, { protocolVersion: 5, ...options })
  await once(client, 'connect')
  return client
}

async function away(name, properties) {
  const topic = `to/${name}`
  const session = {
    clientId: name, clean: false, reconnectPeriod: 100,
    properties: { sessionExpiryInterval: 3600, ...properties },
  }
  const publisher = await connect({ clientId: `for-${name}` })
  let subscriber = await connect(session)
  await subscriber.subscribeAsync(topic, { qos: 1 })
  const first = once(subscriber, 'message')
  await publisher.publishAsync(topic, '0', { qos: 1 })
  await first
  await subscriber.endAsync()
  for (const payload of sent) await publisher.publishAsync(topic, payload, { qos: 1 })

  const got = [], errors = []
  subscriber = mqtt.connect(url, { protocolVersion: 5, ...session })
  subscriber.on('message', (_, payload) => got.push(payload.toString()))
  subscriber.on('error', (e) => errors.push(e.message))
  const end = Date.now() + 60_000
  while (new Set(got).size < sent.length && errors.length < 3 && Date.now() < end) await pause(20)
  await subscriber.endAsync(true)
  await publisher.endAsync()
  return { got, errors }
}

const usual = await away('alice', {})
const falls = usual.got.filter((payload, i) => i > 0 && Number(payload) < Number(usual.got[i - 1])).length
const whole = new Set(usual.got).size === sent.length && usual.errors.length === 0
console.error(`${falls} of ${usual.got.length - 1} pairs of neighbours in the wrong order`)
console.log('usual', whole ? 'all' : 'not-all', falls > 10 ? 'scrambled' : 'in-order')

const aliased = await away('bob', { topicAliasMaximum: 10 })
console.log('aliases', aliased.got.length, aliased.errors.join(', '))
JS
node away.mjs "$port" | tee seen
alias='Received unregistered Topic Alias'
printf 'usual all scrambled\naliases 0 %s, %s, %s\n' "$alias" "$alias" "$alias" | diff - seen && echo "as described"
