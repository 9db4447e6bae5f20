// SPDX-License-Identifier: Apache-2.0

package application

import "testing"

func TestAFileOfWindowsIsRunByTheEndingOfItsName(t *testing.T) {
	const powershell, cmd = `C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe`, `C:\Windows\System32\cmd.exe`
	tests := []struct{ name, entry, text, program, line string }{
		{"a script of PowerShell", `C:\ws\deploy.ps1`, `-Name "a b"`, powershell,
			`"` + powershell + `" -NoProfile -NonInteractive -ExecutionPolicy Bypass -File "C:\ws\deploy.ps1" -Name "a b"`},
		{"its ending in capitals, without arguments", `C:\ws\DEPLOY.PS1`, "", powershell,
			`"` + powershell + `" -NoProfile -NonInteractive -ExecutionPolicy Bypass -File "C:\ws\DEPLOY.PS1"`},
		{"a batch file", `C:\my ws\run.cmd`, `a "b c"`, cmd, `"` + cmd + `" /d /s /c ""C:\my ws\run.cmd" a "b c""`},
		{"an old batch file", `C:\ws\run.bat`, "", cmd, `"` + cmd + `" /d /s /c ""C:\ws\run.bat""`},
		{"a program", `C:\ws\setup.exe`, "/quiet", `C:\ws\setup.exe`, `"C:\ws\setup.exe" /quiet`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			program, line := windowsCommand(tt.entry, tt.text, powershell, cmd)
			if program != tt.program || line != tt.line {
				t.Errorf("got  %s\n     %s\nwant %s\n     %s", program, line, tt.program, tt.line)
			}
		})
	}
}
