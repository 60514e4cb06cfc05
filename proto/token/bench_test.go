package token

import "testing"

func BenchmarkIssueTicket(b *testing.B) {
	i, ticket := issuer(b, routeKey), ticketOfAlice()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = i.Ticket(ticket)
	}
}

// BenchmarkVerifyTicket is what a node pays for a login.
func BenchmarkVerifyTicket(b *testing.B) {
	i := issuer(b, routeKey)
	v, s := NewVerifier(i.Public()...), mustTicket(b, i, ticketOfAlice())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Ticket(s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCheckProof is what a route pays for every item of a node's batch.
func BenchmarkCheckProof(b *testing.B) {
	i := issuer(b, routeKey)
	proof := i.Proof(42, "alice", "phone", 7, "node-1")
	b.ReportAllocs()
	for b.Loop() {
		if err := i.CheckProof(proof, 42, "alice", "phone", 7, "node-1"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyToken is what a route pays for every request of a client.
func BenchmarkVerifyToken(b *testing.B) {
	i := issuer(b, routeKey)
	s := mustToken(b, i, tokenOfAlice())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.VerifyToken(s); err != nil {
			b.Fatal(err)
		}
	}
}
