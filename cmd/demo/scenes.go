package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/internal/deployment"
	"github.com/rdslink/rdslink/internal/operator"
	"github.com/rdslink/rdslink/test/stage"
)

// demo is the play so far.
type demo struct {
	start time.Time
	ask   bool

	kind     stage.Kind
	consumer stage.Consumer

	cloud    *stage.Cloud
	mail     *stage.Mailbox // what the hand-off topic says
	news     *stage.Mailbox // what the operators' topic says
	database stage.Database
	progress operator.Progress
	handoff  stage.Handoff
	exposure string
	endpoint stage.Endpoint
	rows     []string

	// Where the consumer is an account of the customer's own.
	account bool
	file    string            // of the hand-off
	outputs map[string]string // of the consumer's stack
}

func (d *demo) close() {
	if d.cloud != nil {
		d.cloud.Stop()
	}
}

// makeCustomer makes what a customer has before rdslink comes: a VPC without a way out, a database with rows.
func (d *demo) makeCustomer(ctx context.Context) error {
	vpc, err := d.cloud.NewVPC(ctx, stage.Customer)
	if err != nil {
		return err
	}
	if d.database, err = d.kind.Create(ctx, d.cloud, vpc, name); err != nil {
		return err
	}
	return d.kind.Fill(d.cloud, ctx, d.database)
}

// subscribe lets the demo read what rdslink tells people.
func (d *demo) subscribe(ctx context.Context) (err error) {
	if d.mail, err = d.cloud.NewMailbox(ctx, "demo-hand-off", "HandOffTopicArn"); err != nil {
		return err
	}
	d.news, err = d.cloud.NewMailbox(ctx, "demo-operators", "OperatorsTopicArn")
	return err
}

// execute starts the execution and follows it; when it waits for people, people act.
func (d *demo) execute(ctx context.Context) error {
	input, err := d.consumer.InputFor(name)
	if err != nil {
		return err
	}
	o := operator.New(d.cloud.Config(stage.Customer), deployment.Unnamed)
	execution, err := o.Start(ctx, input)
	if err != nil {
		return err
	}
	fmt.Printf("\nExecution %s\n  input %s\n\n", execution, input)
	view := operator.NewView(os.Stdout)
	d.progress, err = o.Follow(ctx, execution, 200*time.Millisecond, func(p operator.Progress) bool {
		view.Show(p)
		return p.Waiting() != nil
	})
	if err != nil {
		return err
	}
	if d.progress.Done() {
		return d.progress.Err()
	}
	connect := d.connectAsVendor
	if d.account {
		connect = func(ctx context.Context) error { return d.connectAsAccount(ctx, o) }
	}
	if err := connect(ctx); err != nil {
		return err
	}
	if err := d.decide(ctx, o); err != nil {
		return err
	}
	view = operator.NewView(os.Stdout)
	d.progress, err = o.Follow(ctx, execution, 200*time.Millisecond, func(p operator.Progress) bool {
		p.Steps = p.Steps[min(8, len(p.Steps)):] // the earlier lines stand above
		view.Show(p)
		return false
	})
	if err != nil {
		return err
	}
	return d.progress.Err()
}

// connectAsVendor lets the vendor act on nothing but the message.
func (d *demo) connectAsVendor(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	message, err := d.mail.Next(ctx, "Service name")
	if err != nil {
		return err
	}
	fmt.Printf("\nThe hand-off topic published this for the vendor:\n%s\n\n", indent(message))
	if d.handoff, err = stage.ReadHandoff(message); err != nil {
		return err
	}
	vpc, err := d.cloud.NewVPCIn(ctx, d.consumer.Account, d.consumer.Region)
	if err != nil {
		return err
	}
	if d.endpoint, err = d.cloud.Connects(ctx, d.consumer, vpc, d.handoff); err != nil {
		return err
	}
	fmt.Printf("The vendor (account %s) created %s in its own VPC, which has the same addresses as the customer's.\n",
		d.consumer.Account, d.endpoint.ID)
	return d.hearOfTheRequest(ctx)
}

// hearOfTheRequest reads what the operators are told.
func (d *demo) hearOfTheRequest(ctx context.Context) error {
	pending, err := d.news.Next(ctx, d.endpoint.ID)
	if err != nil {
		return err
	}
	fmt.Printf("The operators' topic published:\n%s\n\n", indent(pending))
	d.exposure, err = stage.ReadRequest(pending)
	return err
}

// decide puts the approver's decision on the bus, as anybody with the permission would.
func (d *demo) decide(ctx context.Context, o *operator.Operator) error {
	decision := bus.Decision{Exposure: d.exposure, VPCEndpointID: d.endpoint.ID, Decision: bus.Accept, By: "demo",
		Reason: "the endpoint that the consumer told us"}
	if d.ask {
		answer, err := question(ctx, "Accept "+d.endpoint.ID+" of account "+d.consumer.Account+"? [y/N] ")
		if err != nil {
			return err
		}
		if !strings.EqualFold(answer, "y") {
			decision.Decision, decision.Reason = bus.Reject, "the person said no"
		}
	}
	if err := o.Decide(ctx, decision); err != nil {
		return err
	}
	fmt.Printf("ConnectionDecision on the bus rdslink: %s %s\n\n", decision.Decision, decision.VPCEndpointID)
	return nil
}

// question asks the person at the terminal.
func question(ctx context.Context, text string) (string, error) {
	fmt.Print(text)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case a := <-answer:
		return a, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// readAsVendor reads the rows from the vendor's VPC, over TLS verified against the server name of the hand-off.
func (d *demo) readAsVendor(ctx context.Context) error {
	if d.account {
		return d.readAsAccount(ctx)
	}
	client, err := d.cloud.Client(ctx, d.endpoint, d.handoff)
	if err != nil {
		return err
	}
	fmt.Printf("\nThe vendor connects to %s:%d, TLS verified against %s, and reads:\n", client.Host, client.Port, client.ServerName)
	if d.rows, err = d.kind.Read(d.cloud, ctx, client); err != nil {
		return err
	}
	if len(d.rows) == 0 {
		return errors.New("the vendor reads no rows")
	}
	fmt.Println(indent(strings.Join(d.rows, "\n")))
	return nil
}

// summarize prints what the execution leaves: the hand-off, the steps with their times, the document's checklist.
func (d *demo) summarize(ctx context.Context) error {
	var output any
	if err := json.Unmarshal([]byte(d.progress.Output), &output); err != nil {
		return fmt.Errorf("decode the execution's output: %w", err)
	}
	pretty, err := json.MarshalIndent(output, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the execution's output: %w", err)
	}
	fmt.Printf("\nThe execution's output, the hand-off:\n%s\n\nSteps\n", indent(string(pretty)))
	for _, s := range d.progress.Steps {
		fmt.Printf("  %-34s %7.1f s\n", s.Name, s.Ended.Sub(s.Entered).Seconds())
	}
	fmt.Println("\nThe document's checklist, and what was found")
	if err := d.checklist(ctx); err != nil {
		return err
	}
	fmt.Printf("\nAll of it worked. %.1f s since the local cloud was started.\n", time.Since(d.start).Seconds())
	return nil
}
