// SPDX-License-Identifier: Apache-2.0

package plans

// Codes of a Cause. They are stable: a program may act on them. What each says,
// in English and Chinese, is in Causes.
const (
	CausePlanFormat       = "plan.format"
	CausePlanVersion      = "plan.version"
	CausePlanSignature    = "plan.signature"
	CausePlanReplay       = "plan.replay"
	CausePlanUnsupported  = "plan.unsupported"
	CausePlanTimeout      = "plan.timeout"
	CausePlanCancelled    = "plan.cancelled"
	CauseBodySyntax       = "body.syntax"
	CauseBodyException    = "body.exception"
	CauseBodyLimit        = "body.limit"
	CauseScriptExit       = "script.exit"
	CauseScriptTimeout    = "script.timeout"
	CauseScriptNetwork    = "script.network"
	CauseScriptLock       = "script.lock"
	CauseScriptStart      = "script.start"
	CauseScriptLimit      = "script.limit"
	CauseFileContent      = "file.content"
	CauseFileDownload     = "file.download"
	CauseFileChecksum     = "file.checksum"
	CauseDiskFull         = "disk.full"
	CauseGuestResolver    = "guest.resolver"
	CauseGuestMirror      = "guest.mirror"
	CauseGuestPreflight   = "guest.preflight"
	CauseGuestReboot      = "guest.reboot"
	CauseAgentInterrupted = "agent.interrupted"
	CauseAgentSilent      = "agent.silent"
	CauseAgentFault       = "agent.fault"
)

// A CauseText explains one code.
type CauseText struct {
	Code  string
	Owner string // who mends it as a rule; a Cause may know better
	EN    string // one paragraph: what it means, what to do
	ZH    string
}

// Causes is the table of all codes, in the order in which a plan meets them.
func Causes() []CauseText {
	return []CauseText{
		{CausePlanFormat, OwnerPackage, "The plan breaks its format. Nothing ran. The text names the field and what is wrong with it; mend the plan template or what fills it, and check it with murano-agent validate.", "执行计划不符合格式，未运行任何内容。文本指出了字段及其错误；请修正计划模板或填充它的参数，并用 murano-agent validate 检查。"},
		{CausePlanVersion, OwnerController, "The plan's FormatVersion is newer than the agent takes. Nothing ran. Update the agent, or lower FormatVersion where the plan uses no newer key.", "执行计划的 FormatVersion 高于代理支持的版本，未运行任何内容。请升级代理；如果计划未使用新字段，请降低 FormatVersion。"},
		{CausePlanSignature, OwnerController, "The agent has an engine_key and the plan is not signed by its private half for this queue. Nothing ran. See that controller and guest were given the two halves of one key.", "代理配置了 engine_key，但执行计划没有用对应私钥为此队列签名，未运行任何内容。请确认控制器与虚拟机使用同一对密钥。"},
		{CausePlanReplay, OwnerController, "The plan was run before and its result is no longer kept, or its Stamp is older than the agent's record of IDs. Nothing ran. Send it with a new ID and a new Stamp to run it again.", "该执行计划曾运行过且结果已不再保存，或其 Stamp 早于代理的 ID 记录，未运行任何内容。若要再次运行，请使用新的 ID 和 Stamp 发送。"},
		{CausePlanUnsupported, OwnerGuest, "The plan asks for an option or a type of script that this agent, or this guest, does not have. Nothing ran. Leave the option out, or update the agent.", "执行计划要求此代理或此虚拟机不具备的选项或脚本类型，未运行任何内容。请去掉该选项，或升级代理。"},
		{CauseGuestPreflight, OwnerGuest, "A check before the first script said that the plan cannot work on this guest. Nothing ran. The text names the check.", "首个脚本运行前的检查表明该计划无法在此虚拟机上工作，未运行任何内容。文本指出了是哪项检查。"},
		{CauseGuestResolver, OwnerNetwork, "The guest cannot resolve names, and repair did not help. Set the subnet's DNS servers, or dns.fallback in the agent's configuration.", "虚拟机无法解析域名，且修复未成功。请设置子网的 DNS 服务器，或代理配置中的 dns.fallback。"},
		{CauseGuestMirror, OwnerNetwork, "The plan was to use a mirror and the guest does not reach it, or it lacks what is asked for. See that the mirror is up and that the bundle holds what the package declares.", "执行计划需要使用镜像，但虚拟机无法访问它，或它缺少所需内容。请确认镜像可用，且离线包包含应用包声明的内容。"},
		{CauseFileContent, OwnerPackage, "The content of a file in the plan cannot be decoded or placed. Encode it anew, or change its Name.", "执行计划中某个文件的内容无法解码或放置。请重新编码，或修改其 Name。"},
		{CauseFileDownload, OwnerNetwork, "A Downloadable file did not come. The text names URL and reason; see that the guest reaches the address and that the file is there.", "可下载文件获取失败。文本指出了 URL 与原因；请确认虚拟机能访问该地址且文件存在。"},
		{CauseFileChecksum, OwnerPackage, "A file came, but its SHA256 or Size is not the one in the plan. It was changed at its source or on the way. Compare, then correct the plan or the source.", "文件已获取，但其 SHA256 或 Size 与计划不符：它在来源处或传输中被更改。请比对后修正计划或来源。"},
		{CauseDiskFull, OwnerGuest, "The guest's disk is full. Free space, or use a flavor with a larger disk.", "虚拟机磁盘已满。请释放空间，或使用磁盘更大的规格。"},
		{CauseBodySyntax, OwnerPackage, "The plan's Body is not Python, or uses what a Body may not. No script ran. The text names line, column and construct.", "执行计划的 Body 不是合法的 Python，或使用了不允许的语法，未运行任何脚本。文本指出了行、列与语法结构。"},
		{CauseBodyException, OwnerPackage, "The Body raised an exception, such as a missing parameter. Scripts before it have run. Change the Body, or the Parameters it gets.", "Body 抛出了异常，例如缺少参数；在此之前的脚本已经运行。请修改 Body 或传入的 Parameters。"},
		{CauseBodyLimit, OwnerPackage, "The Body took more steps, memory or output than a Body may. Move the work into a script, return less.", "Body 超出了步数、内存或输出的限制。请把工作移到脚本中，并减少返回内容。"},
		{CauseScriptStart, OwnerPackage, "A script could not be started: no such interpreter or user, or the file is no program. See its first line and runAs.", "脚本无法启动：解释器或用户不存在，或文件不是程序。请检查脚本首行与 runAs。"},
		{CauseScriptExit, OwnerPackage, "A script ended with an exit code other than 0. Its output is in the result and in the plan's directory on the guest.", "脚本以非零退出码结束。其输出在结果中，也在虚拟机上的计划目录中。"},
		{CauseScriptNetwork, OwnerNetwork, "A script failed and its output says that it could not reach something. See that the guest resolves names and reaches its sources, or set retry with class network.", "脚本失败，其输出显示网络无法访问。请确认虚拟机能解析域名并访问软件源，或设置 class 为 network 的 retry。"},
		{CauseScriptLock, OwnerGuest, "A script failed because another program held a lock, as a rule the package manager's. Run it again later, or set retry with class lock.", "脚本失败，因为另一程序持有锁（通常是软件包管理器）。请稍后重试，或设置 class 为 lock 的 retry。"},
		{CauseScriptTimeout, OwnerPackage, "A script ran longer than its timeout and was stopped. Look at its log for where it hung, or raise the timeout.", "脚本运行超过其 timeout 而被停止。请查看日志确认卡在何处，或提高 timeout。"},
		{CauseScriptLimit, OwnerPackage, "A script, or something it started, was ended because it used more than Options.limits allow. The text names the limit. Raise it, use a larger flavor, or make the script use less.", "脚本或其启动的进程超出 Options.limits 允许的资源而被终止。文本指出了是哪项限制。请提高该限制、使用更大的规格，或减少脚本的资源占用。"},
		{CauseGuestReboot, OwnerGuest, "A script asked for a reboot in the middle of the plan and the guest did not reboot, or did so too often. The text says which. Reboot the guest by hand and look at its journal; then send the plan again with a new ID.", "脚本在计划执行中请求重启，但虚拟机没有重启，或重启次数过多；文本说明了是哪种情况。请手动重启虚拟机并查看其日志，然后用新的 ID 重新发送计划。"},
		{CausePlanTimeout, OwnerPackage, "The plan ran longer than its timeout and was stopped; the text names the phase. Look at its log, or raise the timeout.", "执行计划运行超过其 timeout 而被停止；文本指出了阶段。请查看日志，或提高 timeout。"},
		{CausePlanCancelled, OwnerController, "The plan was cancelled on request. What ran before is not undone.", "执行计划应请求被取消。之前已运行的内容不会撤销。"},
		{CauseAgentInterrupted, OwnerGuest, "The agent or the guest went down while the plan ran. How far it came is in the phases. Send it again with a new ID if its scripts may run twice, or set onInterrupt.", "计划运行期间代理或虚拟机停止。进度见各阶段。若脚本可以重复运行，请用新的 ID 重新发送，或设置 onInterrupt。"},
		{CauseAgentSilent, OwnerGuest, "No agent answered in time. See that the guest booted, has the agent, and reaches RabbitMQ; the agent's log on the guest says more.", "代理未在时限内应答。请确认虚拟机已启动、装有代理并能访问 RabbitMQ；虚拟机上的代理日志有更多信息。"},
		{CauseAgentFault, OwnerGuest, "The agent itself failed. Its log on the guest says more; please report it.", "代理自身出错。虚拟机上的代理日志有更多信息；请报告此问题。"},
	}
}
