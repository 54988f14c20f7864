package org.squeezesam.demo

import android.app.Activity
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.os.BatteryManager
import android.os.Build
import android.os.Bundle
import android.os.PowerManager
import android.view.WindowManager
import android.widget.Button
import android.widget.TextView
import java.io.File
import org.squeezesam.segmentation.BenchmarkProtocol
import org.squeezesam.segmentation.Check
import org.squeezesam.segmentation.Condition
import org.squeezesam.segmentation.ConfigError
import org.squeezesam.segmentation.Device
import org.squeezesam.segmentation.PhoneState
import org.squeezesam.segmentation.Protocol
import org.squeezesam.segmentation.ResultsFile
import org.squeezesam.segmentation.SelfCheck
import org.squeezesam.segmentation.SqueezeSamError
import org.squeezesam.segmentation.Subject

/** A screen that does one long piece of work on a thread of its own, and tells what comes of it. */
abstract class ReportActivity : Activity() {
    private val summary by lazy { findViewById(R.id.summary) as TextView }
    private val details by lazy { findViewById(R.id.details) as TextView }
    private val start by lazy { findViewById(R.id.start) as Button }
    private var worker: Thread? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.report)
        actionBar?.setDisplayHomeAsUpEnabled(true)
        start.setOnClickListener { begin() }
    }

    /** Do the work, unless it is being done; the screen stays on meanwhile. */
    protected fun begin() {
        if (worker?.isAlive == true) return
        start.isEnabled = false
        details.text = ""
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        worker = Thread({
            val said = try {
                work()
            } catch (error: SqueezeSamError) {
                failed(error)
                error.message.orEmpty().replaceFirstChar { it.uppercase() } + "."
            }
            runOnUiThread {
                summary.text = said
                start.isEnabled = true
                window.clearFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
            }
        }, "report").also { it.start() }
    }

    /** The work, on a thread of its own; gives the sentence at its end. */
    protected abstract fun work(): String

    /** Called there when the work ends with an error. */
    protected open fun failed(error: SqueezeSamError) = Unit

    /** Show a sentence on top. */
    protected fun tell(sentence: String) = runOnUiThread { summary.text = sentence }

    /** Add lines below. */
    protected fun add(lines: String) = runOnUiThread { details.append("$lines\n\n") }
}

/** The golden vectors of the bundle on this phone, with the bounds of `squeezesam verify`. */
class SelfCheckActivity : ReportActivity() {
    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        begin()
    }

    override fun work(): String {
        tell(getString(R.string.checking))
        val bundle = Shipped.bundle(this)
        val choice = Shipped.choice(this, bundle)
        val runtime = Shipped.runtimes(this, bundle).first { it.target == choice.runtime }
        val checks = SelfCheck(bundle, runtime, choice.threads).run(choice.precision) { add(line(it)) }
        val failed = checks.count { !it.passed }
        return if (failed == 0) getString(R.string.all_passed, checks.size) else getString(R.string.some_failed, failed, checks.size)
    }

    private fun line(check: Check) =
        getString(if (check.passed) R.string.check_passed else R.string.check_failed, check.name, check.detail)
}

/**
 * The protocol of `squeezesam bench` on this phone. Its results are JSON Lines that
 * `squeezesam bench report` and `squeezesam bench compare` read.
 *
 * It runs in a process of its own, so that no network of the main screen is in its memory. Started
 * with `adb shell am start -n org.squeezesam.demo/.BenchmarkActivity --es schemes int8,fp32
 * --es threads 1,2` it begins at once, and writes `done` or the error into STATE at its end.
 */
class BenchmarkActivity : ReportActivity() {
    private val folder by lazy { getExternalFilesDir(null) ?: filesDir }

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        tell(getString(R.string.benchmark_hint))
        if (state == null && intent.hasExtra(SCHEMES)) begin()
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        setIntent(intent)
        if (intent.hasExtra(SCHEMES)) begin()
    }

    override fun work(): String {
        val wanted = Wanted.of(intent)
        val bundle = Shipped.bundle(this)
        val choice = Shipped.choice(this, bundle)
        val runtimes = Shipped.runtimes(this, bundle)
        val target = wanted.runtime ?: choice.runtime
        val runtime = runtimes.find { it.target == target }
            ?: throw ConfigError("this app has no runtime $target; choose one of ${runtimes.joinToString(", ") { it.target }}")
        val networks = bundle.manifest.networks.filter { wanted.networks == null || it.kind.title in wanted.networks }
        if (networks.isEmpty()) throw ConfigError("the bundle has none of ${wanted.networks}; choose another network")
        val subjects = networks.flatMap { network ->
            (wanted.schemes ?: listOf(choice.precision)).flatMap { scheme ->
                network.artifact(target, scheme) // an error now is better than one after an hour
                (wanted.threads ?: listOf(choice.threads)).map { Subject(network.kind, scheme, it) }
            }
        }
        write(STATE, "running\n")
        val results = File(folder, RESULTS).also { it.delete() }
        val kept = ResultsFile(results)
        val (total, phone) = subjects.size * wanted.protocol.rounds to AndroidPhone(this)
        var done = 0
        val benchmark = BenchmarkProtocol(bundle, runtime, phone)
        benchmark.run(subjects, wanted.protocol, wanted.command, { subject ->
            val name = "${subject.kind.title} ${subject.precision} ${subject.threads}"
            benchmark.measure(subject, wanted.protocol) { tell(getString(R.string.benchmark_running, name, done + 1, total, it)) }
        }) { record ->
            done++
            kept.add(record)
        }
        write(STATE, "done\n")
        return getString(R.string.benchmark_done, results.path)
    }

    override fun failed(error: SqueezeSamError) = write(STATE, "${error.message}\n")

    private fun write(name: String, text: String) {
        val partial = File(folder, "$name.part")
        partial.writeText(text)
        partial.renameTo(File(folder, name))
    }

    private companion object {
        const val RESULTS = "results.jsonl"
        const val STATE = "state.txt"
        const val SCHEMES = "schemes"
    }
}

/** What an intent asks the benchmark for; null where the choice of the main screen counts. */
private class Wanted(
    val runtime: String?,
    val networks: List<String>?,
    val schemes: List<String>?,
    val threads: List<Int>?,
    val protocol: Protocol,
    val command: String,
) {
    companion object {
        private val NAMES = listOf(
            "runtime", "networks", "schemes", "threads", "warm_up", "iterations", "time_budget", "pipelines",
            "photo_width", "photo_height", "sustained", "rounds", "cool_down", "thermal_gate",
        )

        fun of(intent: Intent): Wanted {
            val given = NAMES.mapNotNull { name -> intent.getStringExtra(name)?.let { name to it } }.toMap()
            fun list(name: String) = given[name]?.split(",")?.map(String::trim)
            fun <T> number(name: String, plain: T, read: (String) -> T?): T = given[name]?.let {
                read(it) ?: throw ConfigError("the $name of $it is no number that can be used; give another one")
            } ?: plain
            val plain = Protocol()
            val protocol = Protocol(
                number("warm_up", plain.warmUpInferences, String::toIntOrNull),
                number("iterations", plain.timedInferences, String::toIntOrNull),
                number("time_budget", plain.timeBudgetS, String::toDoubleOrNull),
                number("pipelines", plain.pipelineRuns, String::toIntOrNull),
                number("photo_width", plain.photoWidthPx, String::toIntOrNull),
                number("photo_height", plain.photoHeightPx, String::toIntOrNull),
                number("sustained", plain.sustainedS, String::toDoubleOrNull),
                number("rounds", plain.rounds, String::toIntOrNull),
                number("cool_down", plain.coolDownS, String::toDoubleOrNull),
                number("thermal_gate", plain.thermalGateS, String::toDoubleOrNull),
            )
            val threads = list("threads")?.map { one ->
                one.toIntOrNull() ?: throw ConfigError("$one is no number of threads; give one such as 2")
            }
            val words = given.entries.joinToString("") { (name, value) -> " --es $name $value" }
            val command = "org.squeezesam.demo/.BenchmarkActivity$words (all in one process)"
            return Wanted(given["runtime"], list("networks"), list("schemes"), threads, protocol, command)
        }
    }
}

/** What Android says about the phone; nothing where this Android does not say it. */
class AndroidPhone(private val context: Context) : PhoneState {
    override val device = Device(
        model = "${Build.MANUFACTURER} ${Build.MODEL}",
        soc = listOfNotNull(field("SOC_MANUFACTURER"), field("SOC_MODEL")).joinToString(" ").ifEmpty { null },
        cpu = null,
        cores = java.lang.Runtime.getRuntime().availableProcessors(),
        os = "Android ${Build.VERSION.RELEASE} (API ${Build.VERSION.SDK_INT})",
    )

    override fun condition(): Condition {
        val battery = context.registerReceiver(null, IntentFilter(Intent.ACTION_BATTERY_CHANGED))
        fun number(name: String) = battery?.getIntExtra(name, UNKNOWN)?.takeIf { it != UNKNOWN }
        val (level, scale) = number(BatteryManager.EXTRA_LEVEL) to number(BatteryManager.EXTRA_SCALE)
        val power = context.getSystemService(Context.POWER_SERVICE) as PowerManager
        return Condition(
            thermalState = thermalState(power),
            temperatureCelsius = null, // an app may ask for that of the battery alone
            batteryPercent = if (level != null && scale != null && scale > 0) level * PERCENT / scale else null,
            charging = number(BatteryManager.EXTRA_PLUGGED)?.let { it != 0 },
            powerMode = if (power.isPowerSaveMode) "low_power" else "normal",
        )
    }

    /** `PowerManager.getCurrentThermalStatus` of API 29, which the stubs of API 23 do not have. */
    private fun thermalState(power: PowerManager): String? {
        if (Build.VERSION.SDK_INT < API_OF_THERMAL_STATUS) return null
        return try {
            val status = PowerManager::class.java.getMethod("getCurrentThermalStatus").invoke(power) as? Int
            THERMAL_STATES.getOrNull(status ?: UNKNOWN)
        } catch (error: ReflectiveOperationException) {
            null
        }
    }

    /** A name of API 31 in `Build`. */
    private fun field(name: String): String? = try {
        (Build::class.java.getField(name).get(null) as? String)?.takeIf { it != Build.UNKNOWN }
    } catch (error: ReflectiveOperationException) {
        null
    }

    private companion object {
        const val UNKNOWN = -1
        const val PERCENT = 100.0
        const val API_OF_THERMAL_STATUS = 29
        val THERMAL_STATES = listOf("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
    }
}
