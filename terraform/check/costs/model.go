package main

import "math"

// A month is 30.4 days.
const (
	days    = 30.4
	hours   = days * 24
	seconds = hours * 3600
)

// load is what users do. Messages are private ones: a group's is stored once, and
// once for its sender.
type load struct {
	users     float64
	connected float64 // share of them, over the day
	busiest   float64 // share of them that is connected at the busiest hour
	messages  float64 // that one user sends a day
	text      float64 // bytes of a message
	logins    float64 // of one user a day: connections that the user opens
	retention float64 // days
}

// usual is a load per user that is neither small nor large.
func usual(users float64) load {
	return load{users: users, connected: 0.10, busiest: 0.20, messages: 20, text: 128, logins: 4, retention: 14}
}

// Assumptions about the system. Those of aws are its defaults, which a test compares.
// terraform/COSTS.md has the sources of the others.
const (
	capacity     = 100_000 // connections, nodes.capacity of aws
	filled       = 0.6     // of it, at the busiest hour
	least        = 3       // nodes, nodes.min of aws
	zones        = 3       // zone_count of aws
	replicas     = 1       // redis.replicas of aws
	snapshotDays = 7       // redis.snapshot_days of aws
	memory       = 0.5     // GB of the function, route.memory of aws
	secrets      = 4       // modules/secrets, with the certificate
	disk         = 8       // GB a node

	entry    = 70          // bytes that Redis takes for a stored message, beside its text
	account  = 1300        // bytes of an account and its empty inbox
	usable   = 0.75 * 0.75 // of a server's memory: ElastiCache keeps a quarter, and the alarm rings at three quarters
	took     = 0.015       // seconds of an invocation
	logged   = 550         // bytes of log a request: ours of the API, and Lambda's own
	frame    = 100         // bytes around a text that is pushed, to the wire
	ping     = 110         // bytes that answer a ping every 10 s, to the wire
	internal = 2000        // bytes between machines for a message
)

// size is what a load comes to.
type size struct {
	nodes     float64
	sent      float64 // messages a month
	requests  float64 // to the function, a month
	data      float64 // GB in Redis
	store     store
	shards    float64
	out       float64 // GB to clients a month
	connected float64 // connections, over the day
}

func sizeOf(l load) size {
	s := size{
		nodes:     max(least, math.Ceil(l.users*l.busiest/(filled*capacity))+1),
		sent:      l.users * l.messages * days,
		data:      l.users * (account + l.messages*l.retention*2*(l.text+entry)) / 1e9,
		connected: l.users * l.connected,
	}
	s.requests = 2*s.sent + 3*l.users*l.logins*days + s.nodes*seconds/30*(1+math.Ceil(s.connected/s.nodes/1000))
	s.out = (s.sent*(l.text+frame) + s.connected*seconds/10*ping) / 1e9
	s.store, s.shards = storeFor(s.data)
	return s
}

// storeFor returns the cheapest servers that hold so many GB, and how many masters.
func storeFor(data float64) (best store, shards float64) {
	for _, candidate := range stores {
		n := math.Ceil(data * 1e9 / (candidate.gib * (1 << 30) * usable))
		if shards == 0 || n*candidate.usd < shards*best.usd {
			best, shards = candidate, n
		}
	}
	return best, shards
}

// A line is a part of the bill.
type line struct {
	what    string
	formula string
	usd     func(l load, s size) float64
}

func usd(name string) float64 { return prices[name].usd }

var bill = []line{
	{"nodes", "nodes × 730 h × node", func(_ load, s size) float64 { return s.nodes * hours * usd("node") }},
	{"their public addresses", "nodes × 730 h × address", func(_ load, s size) float64 { return s.nodes * hours * usd("address") }},
	{"their disks", "nodes × 8 GB × disk", func(_ load, s size) float64 { return s.nodes * disk * usd("disk") }},
	{"the store", "masters × (1 + replicas) × 730 h × its type", func(_ load, s size) float64 {
		return s.shards * (1 + replicas) * hours * s.store.usd
	}},
	{"its snapshots", "(7 − 1) × data × snapshot; the first is free", func(_ load, s size) float64 {
		return (snapshotDays - 1) * s.data * usd("snapshot")
	}},
	{"HTTP API", "requests × api", func(_ load, s size) float64 {
		return min(s.requests, 300e6)/1e6*usd("api") + max(s.requests-300e6, 0)/1e6*usd("api2")
	}},
	{"function, requests", "requests × request", func(_ load, s size) float64 { return s.requests / 1e6 * usd("request") }},
	{"function, time", "requests × 15 ms × 0.5 GB × compute", func(_ load, s size) float64 {
		return s.requests * took * memory * usd("compute")
	}},
	{"logs", "requests × 550 bytes × log", func(_ load, s size) float64 { return s.requests * logged / 1e9 * usd("log") }},
	{"data out", "(messages × (text + 100) + connections × 110 bytes every 10 s) × out", func(_ load, s size) float64 { return s.out * usd("out") }},
	{"data between zones", "messages × 2 kB × 2/3 × across", func(_ load, s size) float64 { return s.sent * internal * 2 / 3 / 1e9 * usd("across") }},
	{"internal balancer", "730 h × (balancer + one flow)", func(load, size) float64 { return hours * (usd("balancer") + usd("flow")) }},
	{"endpoint of Secrets Manager", "3 zones × 730 h × endpoint", func(load, size) float64 { return zones * hours * usd("endpoint") }},
	{"secrets and alarms", "4 × secret + (4 + 3 × servers of the store) × alarm", func(_ load, s size) float64 {
		return secrets*usd("secret") + (4+3*s.shards*(1+replicas))*usd("alarm")
	}},
}

func total(l load, s size) (sum float64) {
	for _, line := range bill {
		sum += line.usd(l, s)
	}
	return sum
}

// perMillion is what a million requests cost at the API's first price.
func perMillion() float64 {
	return usd("api") + usd("request") + 1e6*took*memory*usd("compute") + 1e6*logged/1e9*usd("log")
}
