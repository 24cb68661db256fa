package main

import (
	"testing"

	"github.com/rdslink/rdslink/internal/steptest"
)

func FuzzHandler(f *testing.F) { steptest.Fuzz[Input](f, function) }
