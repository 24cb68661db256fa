package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/test/stage"
)

// Each database for each consumer, by what a person types: asked for, accepted, read, and removed with nothing left. A run
// of all tests plays a third, CASES those that it fits.
func TestEachCaseIsPlayedFromTheFirstWordToTheLast(t *testing.T) {
	t.Parallel()
	chosen := stage.Cases()
	n := seed(t)
	rand.New(rand.NewPCG(n, 0)).Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	if wanted := os.Getenv("CASES"); wanted != "" {
		pattern, err := regexp.Compile(wanted)
		if err != nil {
			t.Fatal(err)
		}
		chosen = slices.DeleteFunc(chosen, func(c stage.Case) bool { return !pattern.MatchString(c.Command()) })
	} else {
		chosen = chosen[:(len(chosen)+2)/3]
	}
	var mu sync.Mutex
	var table []string
	t.Cleanup(func() {
		slices.Sort(table)
		t.Logf("SEED=%d\n%s", n, strings.Join(table, "\n"))
	})
	for _, c := range chosen {
		t.Run(strings.TrimPrefix(c.Command(), "make "), func(t *testing.T) {
			s := begin(t)
			result := "failed"
			defer func() {
				mu.Lock()
				defer mu.Unlock()
				table = append(table, fmt.Sprintf("%-58s %s", c.Command(), result))
			}()
			result = s.plays(c)
		})
	}
}

// plays plays a case, and says what was seen.
func (s story) plays(c stage.Case) string {
	s.Helper()
	kind, consumer := stage.Kinds()[c.Database], stage.Consumers()[c.Consumer]
	database, err := kind.Create(s.ctx, cloud, s.vpc(stage.Customer), "case-"+c.Database+"-"+c.Consumer)
	s.check(err)
	s.check(kind.Fill(cloud, s.ctx, database))
	before := s.inventory(database.VPC)

	input, err := consumer.InputFor(database.Identifier)
	s.check(err)
	execution := s.starts(input)
	handoff := s.handoff(database)
	endpoint, err := cloud.Connects(s.ctx, consumer, s.vpcIn(consumer.Region, consumer.Account), handoff)
	s.check(err)
	s.decides(bus.Accept, endpoint)
	o := execution.succeeds()
	s.passes(o)
	seen, err := kind.Read(cloud, s.ctx, s.client(endpoint, handoff))
	s.check(err)
	if kind.Proof == stage.ReadsRows && strings.Join(seen, "\n") != orders {
		s.Errorf("the consumer reads %v", seen)
	}

	removal := s.startsNamed(s.stack.RemovalMachine(), "case-"+c.Database+"-"+c.Consumer, removes(o.Exposure))
	if p := removal.ends(); p.Status != "SUCCEEDED" {
		s.Fatalf("the removal ended %s: %s: %s", p.Status, p.Error, p.Cause)
	}
	_, err = ec2.NewFromConfig(cloud.Acting(endpoint.VPC)).DeleteVpcEndpoints(s.ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{endpoint.ID}})
	s.check(err)
	s.isGone(database.VPC, before, o.Exposure)
	for i, line := range seen {
		seen[i] = strings.Join(strings.Fields(line), " ")
	}
	return fmt.Sprintf("%s: %s; removed, nothing left", kind.Proof, strings.Join(seen, ", "))
}
