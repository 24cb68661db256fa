package e2e

import (
	"fmt"
	"testing"

	"github.com/rdslink/rdslink/internal/bus"
	"github.com/rdslink/rdslink/test/stage"
)

const powersync = "131569880293"

// A vendor whose endpoint is in another region than the database: it goes by nothing but the hand-off, which says what to
// type for that.
func TestAConsumerOfAnotherRegionReadsRows(t *testing.T) {
	s := begin(t)
	database := s.database("orders-abroad", multiAZ)
	execution := s.starts(fmt.Sprintf(`{"database": %q, "vendor": "powersync", "vendorRegion": "us-east-1"}`, database.Identifier))
	s.hears(s.mail, "the database "+database.Identifier+",", "Other regions:           us-east-1", "--service-region eu-central-1")
	handoff := s.handoff(database)
	execution.waits()

	// In a region that the service does not support there is no such service, nor is there where its region is not named.
	unnamed := handoff
	unnamed.Region = "us-east-1"
	for region, h := range map[string]stage.Handoff{"eu-west-1": handoff, "us-east-1": unnamed} {
		if _, err := cloud.NewEndpoint(s.ctx, s.vpcIn(region, powersync), h); code(err) != "InvalidServiceName" {
			s.Errorf("in %s, to a service of %s: %v", region, h.Region, err)
		}
	}
	vendor := s.vpcIn("us-east-1", powersync)
	s.cannotReach(vendor, fmt.Sprintf("%s:%d", s.address(database), database.Port))

	endpoint := s.connects(vendor, handoff)
	s.decides(bus.Accept, endpoint)
	output := execution.succeeds()
	client := s.client(endpoint, handoff)
	s.readsOrders(client)
	s.passes(output)

	// A further region for the same service.
	again := s.starts(fmt.Sprintf(`{"database": %q, "vendor": "powersync", "vendorRegion": "us-east-1", "supportedRegions": ["eu-west-1"]}`, database.Identifier))
	again.succeeds()
	s.readsAgain(client, orders)
	s.connects(s.vpcIn("eu-west-1", powersync), handoff)
}

// vpcIn makes an account's VPC in another region.
func (s story) vpcIn(region, account string) stage.VPC {
	s.Helper()
	vpc, err := cloud.NewVPCIn(s.ctx, account, region)
	s.check(err)
	return vpc
}
