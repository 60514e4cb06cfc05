package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/history"
	"github.com/cim-go/cim/proto"
)

func Example() {
	ctx := context.Background()
	h, err := history.Open(history.Path("histories", "alice", "laptop"), history.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()

	c, err := client.Connect(ctx, client.Config{
		Routes:   []string{"http://127.0.0.1:8083"},
		Name:     "alice",
		Password: "correct horse",
		Device:   "laptop",
		History:  h,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	if _, err := c.SendEveryone(ctx, "good morning"); err != nil {
		log.Print(err)
	}
	for m, err := range c.Messages(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", m.FromName, m.Text)
	}
}

// Messages that are enqueued travel together and keep their order.
func ExampleClient_Enqueue() {
	var c *client.Client // from Connect
	ctx := context.Background()
	var pending []*client.Pending
	for _, text := range []string{"one", "two", "three"} {
		p, err := c.Enqueue(ctx, client.Outgoing{To: 7, Text: text})
		if err != nil {
			log.Fatal(err)
		}
		pending = append(pending, p)
	}
	for _, p := range pending {
		if _, err := p.Wait(ctx); err != nil {
			log.Print(err)
		}
	}
}

func ExampleClient_Send() {
	var c *client.Client // from Connect
	_, err := c.Send(context.Background(), 7, "hi")
	var refused *proto.Error
	switch {
	case errors.Is(err, client.ErrOutcomeUnknown):
		fmt.Println("it may have arrived")
	case errors.As(err, &refused) && refused.Code == proto.UnknownUser:
		fmt.Println("there is nobody with this id")
	}
}

func ExampleClient_Events() {
	var c *client.Client // from Connect
	for e := range c.Events(context.Background()) {
		switch e := e.(type) {
		case client.Connected:
			fmt.Println("now at", e.Node.ID)
		case client.Disconnected:
			fmt.Println("back in", e.RetryIn)
		case client.Trimmed:
			fmt.Println("missed", e.To-e.From+1, "messages")
		}
	}
}

func ExampleClient_ScheduleAfter() {
	ctx := context.Background()
	var c *client.Client // from Connect
	m, err := c.ScheduleAfter(ctx, client.Outgoing{To: 7, Text: "lunch?"}, 2*time.Hour)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("goes out at", time.UnixMilli(m.Due))
	if err := c.CancelScheduled(ctx, m.ID); errors.Is(err, proto.Err(proto.TooLate, "")) {
		fmt.Println("it has gone out already")
	}
}

// A function that notifies users holds no connection.
func ExampleSender() {
	ctx := context.Background()
	s, err := client.NewSender(ctx, client.Config{Routes: []string{"https://route.example"}, Name: "alice", Token: "..."})
	if err != nil {
		log.Fatal(err)
	}
	// The order's number as the id makes the function safe to run again.
	if _, err := s.Send(ctx, client.Outgoing{ID: "order-1042-shipped", To: 7, Text: "It is on its way."}); err != nil {
		log.Print(err)
	}
}
