package main

import (
	"context"
	"errors"
	"testing"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
)

// A stolen token of a device that was logged out is useless.
func TestTokenAfterLogoutLogsNobodyIn(t *testing.T) {
	s := newSystem(t, plan{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cfg := client.Config{Routes: []string{s.url}, Name: "alice", Device: "phone"}
	if _, err := client.Register(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	c, err := client.Connect(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	token := c.Token()
	if err := c.Logout(ctx); err != nil {
		t.Fatal(err)
	}
	stolen, err := client.Connect(ctx, client.Config{Routes: []string{s.url}, Device: "phone", Token: token})
	if err == nil {
		stolen.Close()
	}
	if !errors.Is(err, proto.Err(proto.Unauthorized, "")) {
		t.Errorf("the token logs in after the logout: %v", err)
	}
	again, err := client.Connect(ctx, cfg)
	if err != nil {
		t.Fatalf("the device's next login: %v", err)
	}
	again.Close()
}
