package org.squeezesam.demo

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.os.Parcelable
import android.provider.DocumentsContract
import android.view.Menu
import android.view.MenuItem
import android.view.MotionEvent
import android.view.SubMenu
import android.view.View
import android.widget.Button
import android.widget.ProgressBar
import android.widget.TextView
import java.io.FileNotFoundException
import org.squeezesam.segmentation.Box

/** The screen with the photo. All that it shows lies in the engine of the process. */
class MainActivity : Activity(), Engine.Listener, PhotoView.Listener {
    private val engine get() = (application as DemoApplication).engine
    private val photo by lazy { findViewById(R.id.photo) as PhotoView }
    private val status by lazy { findViewById(R.id.status) as TextView }
    private val progress by lazy { findViewById(R.id.progress) as ProgressBar }
    private var look = Look.OUTLINE

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.main)
        photo.listener = this
        look = Look.values()[state?.getInt(LOOK) ?: 0]
        onClick(R.id.open) { choosePhoto() }
        onClick(R.id.automatic) { engine.automatic() }
        onClick(R.id.undo) { engine.undo() }
        onClick(R.id.clear) { engine.clear() }
        onClick(R.id.look) { turnLook() }
        onClick(R.id.save) { choosePlace() }
        onClick(R.id.share) { share() }
        val compare = button(R.id.compare)
        compare.setOnTouchListener { _, event -> compareWhileHeld(event) }
        // Without fingers there is no holding: a press of a key or of TalkBack turns it on and off.
        compare.setOnClickListener { photo.look = if (photo.look == Look.ORIGINAL) look else Look.ORIGINAL }
        photo.look = look
        // What Android starts again from its history has been taken once; leave to read it is gone.
        val isAgain = state != null || intent.flags and Intent.FLAG_ACTIVITY_LAUNCHED_FROM_HISTORY != 0
        val given = if (isAgain) null else photoOf(intent)
        engine.start(resume = given == null)
        given?.let(engine::open)
    }

    override fun onStart() {
        super.onStart()
        engine.listener = this
        changed()
    }

    override fun onStop() {
        if (engine.listener === this) engine.listener = null
        super.onStop()
    }

    override fun onSaveInstanceState(state: Bundle) {
        super.onSaveInstanceState(state)
        state.putInt(LOOK, look.ordinal)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        setIntent(intent)
        photoOf(intent)?.let(engine::open)
    }

    /** The photo that another app gives with an intent; null where it gives none. */
    private fun photoOf(intent: Intent): Uri? {
        @Suppress("DEPRECATION") // its follower is of API 33
        return when (intent.action) {
            Intent.ACTION_SEND -> intent.getParcelableExtra<Parcelable>(Intent.EXTRA_STREAM) as? Uri
            Intent.ACTION_VIEW -> intent.data
            else -> null
        }
    }

    override fun changed() {
        photo.show(engine)
        status.text = engine.status
        progress.visibility = if (engine.isWorking) View.VISIBLE else View.INVISIBLE
        val hasAnswer = engine.selection.state.answer != null
        button(R.id.automatic).isEnabled = engine.photo != null && engine.canFindAlone
        button(R.id.undo).isEnabled = engine.selection.canUndo
        for (id in intArrayOf(R.id.clear, R.id.compare, R.id.look, R.id.save, R.id.share)) button(id).isEnabled = hasAnswer
        button(R.id.look).setText(if (look == Look.OUTLINE) R.string.cut_out else R.string.outline)
        invalidateOptionsMenu()
    }

    override fun tapped(tap: Tap) = engine.tap(tap)

    override fun boxed(box: Box) = engine.box(box)

    private fun turnLook() {
        look = if (look == Look.OUTLINE) Look.CUT_OUT else Look.OUTLINE
        photo.look = look
        changed()
    }

    private fun compareWhileHeld(event: MotionEvent): Boolean {
        when (event.actionMasked) {
            MotionEvent.ACTION_DOWN -> photo.look = Look.ORIGINAL
            MotionEvent.ACTION_UP, MotionEvent.ACTION_CANCEL -> photo.look = look
        }
        return true
    }

    private fun choosePhoto() {
        val intent = Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType("image/*")
        try {
            startActivityForResult(intent, OPEN)
        } catch (error: ActivityNotFoundException) {
            engine.say(R.string.no_opener)
        }
    }

    private fun choosePlace() {
        val intent = Intent(Intent.ACTION_CREATE_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE)
            .setType(CutOutProvider.PNG)
            .putExtra(Intent.EXTRA_TITLE, fileName())
        try {
            startActivityForResult(intent, SAVE)
        } catch (error: ActivityNotFoundException) {
            engine.say(R.string.no_saver)
        }
    }

    private fun fileName() = "${engine.name}-cutout.png"

    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        super.onActivityResult(request, result, data)
        val uri = data?.data
        if (result != RESULT_OK || uri == null) return
        val resolver = applicationContext.contentResolver
        when (request) {
            OPEN -> engine.open(uri)
            SAVE -> engine.write(
                { resolver.openOutputStream(uri) ?: throw FileNotFoundException("$uri") },
                { DocumentsContract.deleteDocument(resolver, uri) },
            ) { engine.say(R.string.saved) }
        }
    }

    private fun share() {
        val (file, uri) = CutOutProvider.place(this, fileName())
        engine.write(file) {
            val intent = Intent(Intent.ACTION_SEND).setType(CutOutProvider.PNG)
                .putExtra(Intent.EXTRA_STREAM, uri)
                .addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
            // The receiver of the chooser is granted what its clip data holds.
            intent.clipData = android.content.ClipData.newRawUri(null, uri)
            // The screen may have been turned meanwhile; the one that is shown now asks.
            (engine.listener as? Activity)?.startActivity(Intent.createChooser(intent, getString(R.string.share)))
        }
    }

    override fun onCreateOptionsMenu(menu: Menu): Boolean {
        menuInflater.inflate(R.menu.main, menu)
        return true
    }

    override fun onPrepareOptionsMenu(menu: Menu): Boolean {
        val now = engine.choice
        fun fill(id: Int, words: List<String>, chosen: String?, choice: (String) -> Choice?) {
            val item = menu.findItem(id)
            item.isEnabled = now != null
            item.isVisible = id != R.id.runtime || words.size > 1
            val inside: SubMenu = item.subMenu ?: return
            inside.clear()
            for (word in words) {
                inside.add(GROUP, Menu.NONE, Menu.NONE, word).setChecked(word == chosen).setOnMenuItemClickListener {
                    choice(word)?.let(engine::choose)
                    true
                }
            }
            inside.setGroupCheckable(GROUP, true, true)
        }
        fill(R.id.scheme, engine.precisions, now?.precision) { now?.copy(precision = it) }
        fill(R.id.threads, Shipped.threads().map(Int::toString), now?.threads?.toString()) { now?.copy(threads = it.toInt()) }
        fill(R.id.runtime, engine.runtimes, now?.runtime) { now?.copy(runtime = it) }
        return super.onPrepareOptionsMenu(menu)
    }

    override fun onOptionsItemSelected(item: MenuItem): Boolean {
        val screen = when (item.itemId) {
            R.id.self_check -> SelfCheckActivity::class.java
            R.id.benchmark -> BenchmarkActivity::class.java
            else -> return super.onOptionsItemSelected(item)
        }
        startActivity(Intent(this, screen))
        return true
    }

    private fun button(id: Int) = findViewById(id) as Button

    private fun onClick(id: Int, work: () -> Unit) = button(id).setOnClickListener { work() }

    private companion object {
        const val OPEN = 1
        const val SAVE = 2
        const val GROUP = 1
        const val LOOK = "look"
    }
}
