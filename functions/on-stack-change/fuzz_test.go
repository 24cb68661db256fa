package main

import (
	"testing"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/rdslink/rdslink/internal/steptest"
)

func FuzzHandler(f *testing.F) { steptest.Fuzz[cfn.Event](f, function) }
