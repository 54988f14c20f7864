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
import java.io.IOException
import java.util.concurrent.atomic.AtomicBoolean
import org.squeezesam.segmentation.BenchmarkProtocol
import org.squeezesam.segmentation.Check
import org.squeezesam.segmentation.Condition
import org.squeezesam.segmentation.ConfigError
import org.squeezesam.segmentation.Device
import org.squeezesam.segmentation.Measurement
import org.squeezesam.segmentation.OutputError
import org.squeezesam.segmentation.PhoneState
import org.squeezesam.segmentation.ResultsFile
import org.squeezesam.segmentation.SelfCheck
import org.squeezesam.segmentation.SqueezeSamError
import org.squeezesam.segmentation.Subject
import org.squeezesam.segmentation.reason

/** A screen that does one long piece of work on a thread of its own, and tells what comes of it. */
abstract class ReportActivity : Activity() {
    private val summary by lazy { findViewById(R.id.summary) as TextView }
    private val details by lazy { findViewById(R.id.details) as TextView }
    private val start by lazy { findViewById(R.id.start) as Button }

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.report)
        actionBar?.setDisplayHomeAsUpEnabled(true)
        start.setOnClickListener { begin() }
    }

    /** Do the work, unless it is being done; the screen stays on meanwhile. */
    protected fun begin() {
        if (!busy.compareAndSet(false, true)) { // also where a screen that was left still works
            tell(getString(R.string.still_busy))
            return
        }
        start.isEnabled = false
        details.text = ""
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        Thread({
            val said = try {
                work()
            } catch (error: SqueezeSamError) {
                ended(error)
            } catch (error: OutOfMemoryError) {
                ended(ConfigError(getString(R.string.no_memory)))
            } finally {
                busy.set(false)
            }
            runOnUiThread {
                summary.text = said
                start.isEnabled = true
                window.clearFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
            }
        }, "report").start()
    }

    private fun ended(error: SqueezeSamError): String {
        failed(error)
        return error.message.orEmpty().replaceFirstChar { it.uppercase() } + "."
    }

    /** The work, on a thread of its own; gives the sentence at its end. */
    protected abstract fun work(): String

    /** Called there when the work ends with an error. */
    protected open fun failed(error: SqueezeSamError) = Unit

    /**
     * Show a sentence on top.
     *
     * @throws ConfigError the screen was closed, so that nobody waits for the work
     */
    protected fun tell(sentence: String) {
        if (isDestroyed) throw ConfigError("the screen was closed before the end; start again")
        runOnUiThread { summary.text = sentence }
    }

    /** Add lines below. */
    protected fun add(lines: String) = runOnUiThread { details.append("$lines\n\n") }

    private companion object {
        /** Whether work is being done in this process; two at once would disturb each other. */
        val busy = AtomicBoolean()
    }
}

/** The golden vectors of the bundle on this phone, with the bounds of its manifest. */
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
 * --es threads 1,2` it begins at once, also on a locked phone, and writes `done` or the error into
 * STATE at its end.
 */
class BenchmarkActivity : ReportActivity() {
    private val folder by lazy { getExternalFilesDir(null) ?: filesDir }

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        tell(getString(R.string.benchmark_hint))
        // What Android starts again from its history has run once.
        val isAgain = state != null || intent.flags and Intent.FLAG_ACTIVITY_LAUNCHED_FROM_HISTORY != 0
        if (!isAgain) beginIfAsked()
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        setIntent(intent)
        beginIfAsked()
    }

    private fun beginIfAsked() {
        if (given().isEmpty()) return
        // Behind a lock or a dark screen Android slows an app down.
        @Suppress("DEPRECATION") // its follower is of API 27
        window.addFlags(WindowManager.LayoutParams.FLAG_SHOW_WHEN_LOCKED or WindowManager.LayoutParams.FLAG_TURN_SCREEN_ON)
        begin()
    }

    /** The extras of the intent as texts, whatever `am start` was told to make of them. */
    private fun given(): Map<String, String> {
        val extras = intent.extras ?: return emptyMap()
        @Suppress("DEPRECATION") // its followers are of API 33
        return extras.keySet().associateWith { extras.get(it).toString() }
    }

    override fun work(): String {
        val wanted = Wanted.of(given())
        val bundle = Shipped.bundle(this)
        val choice = Shipped.choice(this, bundle)
        val runtimes = Shipped.runtimes(this, bundle)
        val target = wanted.runtime ?: choice.runtime
        val runtime = runtimes.find { it.target == target }
            ?: throw ConfigError("this app has no runtime $target; choose one of ${runtimes.joinToString(", ") { it.target }}")
        val kinds = wanted.networksOf(bundle.manifest.networks.map { it.kind.title })
        val networks = bundle.manifest.networks.filter { it.kind.title in kinds }
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
                .also { add(line(name, it)) }
        }) { record ->
            done++
            kept.add(record)
        }
        write(STATE, "done\n")
        return getString(R.string.benchmark_done, results.path)
    }

    private fun line(name: String, one: Measurement): String {
        val median = one.warmSamplesMs.sorted()[one.warmSamplesMs.size / 2]
        return getString(R.string.benchmark_measured, name, one.loadMs, one.firstInferenceMs, median, one.warmSamplesMs.size)
    }

    override fun failed(error: SqueezeSamError) {
        try {
            write(STATE, "${error.message}\n")
        } catch (full: OutputError) {
            // The screen tells the error; the computer sees that the app ends without a word.
        }
    }

    private fun write(name: String, text: String) {
        try {
            val partial = File(folder, "$name.part")
            partial.writeText(text)
            if (!partial.renameTo(File(folder, name))) throw IOException("it cannot be renamed")
        } catch (error: IOException) {
            throw OutputError("cannot write $name (${reason(error)}); make room on the phone", error)
        }
    }

    private companion object {
        const val RESULTS = "results.jsonl"
        const val STATE = "state.txt"
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
