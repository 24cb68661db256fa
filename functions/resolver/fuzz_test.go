package main

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rdslink/rdslink/internal/registry"
	"github.com/rdslink/rdslink/internal/resolve"
	"github.com/rdslink/rdslink/internal/steptest"
)

// Time is over before it begins, so that nothing is sent to the addresses that an input names.
func FuzzHandler(f *testing.F) {
	over, end := context.WithCancel(f.Context())
	end()
	steptest.Fuzz[resolve.Request](f, func(aws.Config, *registry.Table) any {
		return func(_ context.Context, r resolve.Request) (resolve.Answer, error) { return answer(over, r) }
	})
}
