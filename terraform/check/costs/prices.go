package main

// price is a public list price in US dollars, of us-east-1, on demand, without free
// tiers and discounts.
type price struct {
	what  string
	usd   float64
	unit  string
	where string // it was read, and of when; empty: as remembered, to be checked
}

var prices = map[string]*price{
	"node":     {"EC2 c7g.large, a node", 0.0725, "hour", "a public table of EC2 prices, 2026"},
	"address":  {"public IPv4 address", 0.005, "hour", "AWS' change of February 2024, as several pages tell it"},
	"disk":     {"EBS gp3", 0.08, "GB and month", "a public table of EBS prices, 2026"},
	"balancer": {"Network Load Balancer", 0.0225, "hour", "clustercost.com, 2025"},
	"flow":     {"its capacity unit", 0.006, "hour", ""},
	"endpoint": {"interface endpoint, a zone", 0.01, "hour", ""},
	"api":      {"HTTP API, first 300 million", 1.00, "million requests", "AWS' whitepaper on API Gateway's private APIs"},
	"api2":     {"HTTP API, beyond", 0.90, "million requests", "the same"},
	"request":  {"Lambda", 0.20, "million requests", ""},
	"compute":  {"Lambda, arm64", 0.0000133334, "GB-second", "cloudchipr.com, 2024"},
	"log":      {"CloudWatch Logs", 0.50, "GB written", "go-cloud.io, 2026"},
	"alarm":    {"CloudWatch alarm", 0.10, "month", ""},
	"secret":   {"Secrets Manager", 0.40, "secret and month", "hivebook.wiki, undated"},
	"out":      {"data out to the internet, up to 10 TB", 0.09, "GB", "a note of what AWS asks in the USA, undated"},
	"across":   {"data between zones, both ends together", 0.02, "GB", "AWS' page of EC2 prices, quoted in 2021"},
	"snapshot": {"ElastiCache snapshots", 0.085, "GB and month", ""},
}

// store is a type of ElastiCache's servers.
type store struct {
	name string
	gib  float64 // memory
	usd  float64 // an hour, Valkey
}

// stores are those that are considered, smaller ones first. Their prices are of AWS'
// price list of 2026-10-02, their memory is as AWS documents it.
var stores = []store{
	{"cache.t4g.small", 1.37, 0.0256},
	{"cache.t4g.medium", 3.09, 0.052},
	{"cache.r7g.large", 13.07, 0.1752},
	{"cache.r7g.xlarge", 26.32, 0.3496},
	{"cache.r7g.2xlarge", 52.82, 0.6984},
}
